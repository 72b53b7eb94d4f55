"""What is asked together, and what waits."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from collector.app.configuration import SETTINGS_MODELS
from collector.collection.due_streams import select_due_streams
from collector.model import PollState, Stream
from collector.sources import build_sources
from collector.sources.stored_events import (
    BIG_OBJECTS,
    OTHER_OBJECTS,
    STANDARD_OBJECTS,
    THREAT_DETECTION,
)
from collector.store.ledger import PollStatus
from fakes.model_samples import NOON

SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
(STORED,) = (
    source for source in build_sources(SETTINGS_MODELS.sources()) if source.kind == "stored_events"
)
(AUDIT,) = (
    source
    for source in build_sources(SETTINGS_MODELS.sources())
    if source.kind == "setup_audit_trail"
)
INTERVALS = {THREAT_DETECTION: MINUTE, OTHER_OBJECTS: 5 * MINUTE}


def build_poll(name, at, state=PollState.OK, source="stored_events"):
    return PollStatus(
        stream=Stream(org="acme", source=source, name=name),
        state=state,
        reason="",
        last_attempt=at,
        last_success=None,
    )


def select(attempts, now, *, intervals=INTERVALS, queries_per_call=5, states=None):
    """The names of the streams that are asked now; all known ones where nothing is postponed."""
    polls = [
        build_poll(name, at, (states or {}).get(name, PollState.OK))
        for name, at in attempts.items()
    ]
    due = select_due_streams(
        STORED, polls, intervals=intervals, queries_per_call=queries_per_call, now=now
    )
    return set() if due is None else set(attempts) - due.postponed


def run_day(attempts, *, queries_per_call=5, step=SECOND, length=DAY):
    """How often each stream is asked in a day of ticks, the calls, and the longest waits."""
    now, calls, asked, waits = NOON, 0, Counter(), Counter()
    while now < NOON + length:
        chosen = select(attempts, now, queries_per_call=queries_per_call)
        calls += -(-len(chosen) // queries_per_call)
        for name in chosen:
            waits[name] = max(waits[name], (now - attempts[name]).total_seconds())
            asked[name] += 1
            attempts[name] = now
        now += step
    return calls, asked, waits


def test_everything_is_due_that_was_never_asked():
    assert (
        select_due_streams(STORED, [], intervals=INTERVALS, queries_per_call=5, now=NOON) == STORED
    )


def test_a_minute_of_threat_detection_has_room_for_three_others_which_take_turns():
    attempts = dict.fromkeys((*STANDARD_OBJECTS, *BIG_OBJECTS), NOON)
    asked = []
    for minute in range(1, 6):
        chosen = select(attempts, NOON + minute * MINUTE)
        assert set(STANDARD_OBJECTS) < chosen
        asked.append(chosen - set(STANDARD_OBJECTS))
        attempts |= dict.fromkeys(chosen, NOON + minute * MINUTE)

    assert [3] * 5 == [len(chosen) for chosen in asked]
    assert set(BIG_OBJECTS) == set().union(*asked)


def test_a_day_of_all_objects_is_two_calls_a_minute_and_nothing_is_late():
    attempts = dict.fromkeys((*STANDARD_OBJECTS, *BIG_OBJECTS), NOON)
    calls, asked, waits = run_day(attempts, step=5 * SECOND, length=DAY / 4)

    assert calls <= 2 * 360
    assert {359, 360} >= {asked[name] for name in STANDARD_OBJECTS}
    assert 60 == max(waits[name] for name in STANDARD_OBJECTS)
    assert max(waits[name] for name in BIG_OBJECTS) <= 300


def test_where_places_do_not_suffice_calls_are_full():
    attempts = dict.fromkeys((*STANDARD_OBJECTS[:5], *BIG_OBJECTS), NOON)
    calls, _, waits = run_day(attempts, step=5 * SECOND, length=DAY / 4)

    assert calls <= 360 + 3 * 72
    assert max(waits[name] for name in BIG_OBJECTS) <= 300


def test_without_composite_nothing_is_asked_before_it_is_due():
    attempts = dict.fromkeys((*STANDARD_OBJECTS, *BIG_OBJECTS), NOON)

    assert set(STANDARD_OBJECTS) == select(attempts, NOON + MINUTE, queries_per_call=1)


def test_streams_that_drifted_apart_are_asked_together_again():
    attempts = {name: NOON + n * SECOND for n, name in enumerate(STANDARD_OBJECTS[:5])}

    assert set() == select(attempts, NOON + MINUTE - SECOND)
    assert set(attempts) == select(attempts, NOON + MINUTE)


def test_a_group_that_is_paused_is_asked_where_that_costs_nothing_and_never_by_itself():
    intervals = {**INTERVALS, OTHER_OBJECTS: None}
    attempts = {STANDARD_OBJECTS[0]: NOON, "ApiEvent": NOON - DAY}

    assert set() == select(attempts, NOON + 10 * SECOND, intervals=intervals)
    assert set(attempts) == select(attempts, NOON + MINUTE, intervals=intervals)


def test_a_failure_of_the_whole_source_is_not_insisted_on():
    attempts = {"*": NOON, "ApiEvent": NOON - DAY}

    assert set() == select(attempts, NOON + 4 * MINUTE)
    assert "ApiEvent" in select(attempts, NOON + 5 * MINUTE)


def test_what_is_not_available_makes_nothing_due_but_is_looked_for():
    states = {"ApiAnomalyEventStore": PollState.UNAVAILABLE}
    attempts = {"ApiAnomalyEventStore": NOON - DAY, "ApiEvent": NOON}

    assert set() == select(attempts, NOON + 4 * MINUTE, states=states)
    assert set(attempts) == select(attempts, NOON + 5 * MINUTE, states=states)


@pytest.mark.parametrize(("after", "is_due"), [(59 * SECOND, False), (MINUTE, True)])
def test_a_source_of_which_nothing_is_available_is_looked_at_once_an_interval(after, is_due):
    polls = [build_poll("SetupAuditTrail", NOON, PollState.UNAVAILABLE, "setup_audit_trail")]
    due = select_due_streams(
        AUDIT, polls, intervals={"": MINUTE}, queries_per_call=5, now=NOON + after
    )

    assert is_due is (due is AUDIT)


def test_an_attempt_of_the_future_does_not_count():
    assert {"ApiEvent"} == select({"ApiEvent": NOON + DAY}, NOON)
