"""What is wrong is told when it has lasted long enough, and what never was is not missed."""

from dataclasses import replace
from datetime import timedelta

import pytest

from collector.health.symptoms import find_symptoms
from collector.model import Stream
from collector.store.health_snapshot import HealthSnapshot, StreamActivity, UnusableBatches
from collector.store.ledger import PollStatus
from collector.store.org_clocks import ClockReading
from collector.store.outbox import QueueStats
from fakes.model_samples import NOON

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
API = Stream(org="acme", source="stored_events", name="ApiEvent")
LOGIN = replace(API, name="LoginEvent")
HOURLY = Stream(org="acme", source="event_log_file", name="hourly")
DAILY = replace(HOURLY, name="daily")
EXPECTED = {("acme", "stored_events"): MINUTE, ("acme", "event_log_file"): 10 * MINUTE}
NOTHING = HealthSnapshot(
    polls=(), activity={}, unusable_batches=(), waiting_deliveries=(), rejected_deliveries=()
)


def poll(stream=API, *, state="ok", since=30 * DAY, success=MINUTE, reason=""):
    """A poll; times are how long ago."""
    return PollStatus(
        stream=stream,
        state=state,
        reason=reason,
        last_attempt=NOON,
        last_success=None if success is None else NOON - success,
        since=NOON - since,
    )


def habit(newest, *, days=8, pause=HOUR):
    return StreamActivity(newest_log_time=NOON - newest, active_days=days, longest_pause=pause)


def seen(*polls, started=30 * DAY, expected=EXPECTED, **changes):
    vitals = replace(NOTHING, polls=polls, **changes)
    return find_symptoms(vitals, expected, now=NOON, started_at=NOON - started)


def states(*polls, **changes):
    return [symptom.state for symptom in seen(*polls, **changes)]


def test_a_healthy_collector_has_no_symptom():
    polls = (poll(), poll(LOGIN), poll(HOURLY))
    habits = {API: habit(HOUR), LOGIN: habit(HOUR), HOURLY: habit(6 * HOUR)}

    assert [] == seen(*polls, activity=habits)


@pytest.mark.parametrize(("since", "told"), [(59 * MINUTE, []), (HOUR, ["failing"])])
def test_an_hour_of_failing_is_told(since, told):
    assert told == states(poll(state="failed", since=since))


def test_a_permission_that_goes_away_is_told_at_once_with_its_reason():
    gone = poll(state="unavailable", since=timedelta(), reason="it needs Shield")
    (symptom,) = seen(gone)

    assert ("acme/stored_events", "ApiEvent", "unavailable", "it needs Shield", NOON) == (
        symptom.subject,
        symptom.part,
        symptom.state,
        symptom.reason,
        symptom.time,
    )


def test_what_was_never_available_is_not_missed():
    assert [] == seen(poll(state="unavailable", success=None))


@pytest.mark.parametrize(
    ("success", "started", "told"),
    [
        (29 * MINUTE, DAY, []),
        (30 * MINUTE, DAY, ["silent"]),
        (30 * MINUTE, 29 * MINUTE, []),
        (None, DAY, []),
    ],
)
def test_half_an_hour_without_a_successful_poll_is_silence(success, started, told):
    assert told == states(poll(success=success), started=started)


def test_a_source_that_is_asked_rarely_may_be_silent_longer():
    slow = {("acme", "stored_events"): HOUR}

    assert [] == states(poll(success=2 * HOUR), expected=slow)
    assert ["silent"] == states(poll(success=3 * HOUR), expected=slow)


@pytest.mark.parametrize(("since", "told"), [(5 * HOUR, []), (6 * HOUR, ["paused"])])
def test_a_pause_for_the_budget_is_told_when_it_gets_long(since, told):
    assert told == states(poll(state="paused", since=since, success=DAY))


def test_a_source_that_is_paused_is_not_silent_as_well():
    whole = poll(replace(API, name="*"), state="paused", since=2 * HOUR, success=None)

    assert [] == states(whole, poll(success=2 * HOUR))


@pytest.mark.parametrize(
    ("stream", "newest", "told"),
    [
        (HOURLY, 12 * HOUR, []),
        (HOURLY, 13 * HOUR, ["silent"]),
        (DAILY, 71 * HOUR, []),
        (DAILY, 72 * HOUR, ["silent"]),
    ],
)
def test_log_files_that_stop_coming_are_told(stream, newest, told):
    """Counted from the end of the time that the newest file covers."""
    assert told == states(poll(stream), activity={stream: habit(newest)})


def test_a_stream_with_long_pauses_is_given_twice_the_longest():
    rare = habit(20 * HOUR, pause=10 * HOUR)

    assert [] == states(poll(HOURLY), activity={HOURLY: rare})
    assert ["silent"] == states(
        poll(HOURLY), activity={HOURLY: replace(rare, longest_pause=9 * HOUR)}
    )


def test_silence_is_counted_from_when_the_stream_could_be_read():
    assert [] == states(poll(HOURLY, since=HOUR), activity={HOURLY: habit(5 * DAY)})


def test_a_stream_without_any_event_ever_is_not_silent():
    assert [] == states(poll(HOURLY), poll())


def test_an_object_that_falls_empty_while_others_do_not_is_told():
    habits = {API: habit(25 * HOUR), LOGIN: habit(HOUR)}
    (symptom,) = seen(poll(), poll(LOGIN), activity=habits)

    assert ("ApiEvent", "empty", NOON - HOUR) == (symptom.part, symptom.state, symptom.time)
    assert "Enable Storing" in symptom.reason


@pytest.mark.parametrize(
    "changes",
    [
        {API: habit(23 * HOUR)},
        {API: habit(25 * HOUR, days=6)},
        {LOGIN: habit(25 * HOUR)},
    ],
    ids=["not long enough", "not every day before", "the others are empty as well"],
)
def test_an_object_may_be_empty_for_other_reasons(changes):
    habits = {API: habit(25 * HOUR), LOGIN: habit(HOUR), **changes}

    assert [] == states(poll(), poll(LOGIN), activity=habits)


def test_lost_and_quarantined_batches_are_told():
    lost = UnusableBatches(
        org="acme",
        source="event_log_file",
        event_type="Login",
        state="lost",
        first_received=NOON - HOUR,
        count=3,
        reason="deleted",
    )
    (symptom,) = seen(unusable_batches=(lost,))

    assert ("acme/event_log_file", "Login", "lost", "3 of Login: deleted") == (
        symptom.subject,
        symptom.part,
        symptom.state,
        symptom.reason,
    )


@pytest.mark.parametrize(("waiting", "told"), [(59 * MINUTE, []), (HOUR, ["stuck"])])
def test_messages_that_wait_for_an_hour_are_told(waiting, told):
    pile = QueueStats(channel="chat", state="ready", count=2, oldest=NOON - waiting, reason="503")

    assert told == states(waiting_deliveries=(pile,))


@pytest.mark.parametrize(("waiting", "told"), [(4 * MINUTE, []), (5 * MINUTE, ["critical"])])
def test_critical_messages_that_wait_for_five_minutes_are_told(waiting, told):
    pile = QueueStats(channel="chat", state="ready", count=2, oldest=NOON - waiting, reason="503")

    assert told == [symptom.part for symptom in seen(critical_deliveries=(pile,))]


def test_messages_that_a_channel_refused_are_told():
    pile = QueueStats(channel="chat", state="refused", count=2, oldest=NOON, reason="no such hook")
    (symptom,) = seen(rejected_deliveries=(pile,))

    assert ("collector", "outbox/chat", "refused") == (symptom.org, symptom.subject, symptom.state)


def test_a_source_that_is_turned_off_is_nobodys_concern():
    assert [] == seen(poll(state="failed", since=DAY), expected={})


def test_an_episode_keeps_its_identity_and_the_next_one_has_another():
    first, later, next_time = (
        seen(poll(state="failed", since=since, reason=reason))[0]
        for since, reason in ((2 * HOUR, "503"), (2 * HOUR, "time-out"), (3 * HOUR, "503"))
    )

    assert (first.key, first.uid) == (later.key, later.uid)
    assert first.key == next_time.key
    assert first.uid != next_time.uid


def test_what_does_not_last_is_another_thing_every_day():
    day = UnusableBatches(
        org="acme",
        source="event_log_file",
        event_type="Login",
        state="lost",
        first_received=NOON,
        count=1,
        reason="deleted",
    )
    more = replace(day, count=9)
    yesterday = replace(day, first_received=NOON - DAY)
    keys = [seen(unusable_batches=(one,))[0].key for one in (day, more, yesterday)]

    assert keys[0] == keys[1] != keys[2]


# ---- clocks


@pytest.mark.parametrize(
    ("skew", "told"),
    [
        (2 * MINUTE, []),
        (-2 * MINUTE, []),
        (2 * MINUTE + SECOND, ["skewed"]),
        (-2 * MINUTE - SECOND, ["skewed"]),
    ],
)
def test_more_than_two_minutes_between_two_clocks_are_told_at_once(skew, told):
    reading = ClockReading(org="acme", skew=skew, since=NOON, measured=NOON)

    assert told == states(poll(), clock_readings=[reading])
    assert [] == states(poll(), clock_readings=[replace(reading, org="former")])
