"""The laws of episodes."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from collector.alerting import fold
from collector.model import Severity
from fakes.nouns import NOON, match, rule

HOUR = timedelta(hours=1)


def folded(matches, known=(), owners=None):
    return fold(rule(), matches, known=known, owners=owners or {}, now=NOON)


def test_the_first_match_opens_an_alert_and_is_told():
    result = folded([match()])

    (alert,) = result.alerts
    assert (1, 1, Severity.MEDIUM) == (alert.count, alert.revision, alert.severity)
    assert {alert.id} == result.tell
    assert {alert.id: ("e1",)} == result.joined
    assert 3 * 3600 == alert.late_seconds


def test_an_alert_id_is_a_function_of_org_rule_key_and_opening_event():
    first, again = folded([match()]).alerts[0].id, folded([match()]).alerts[0].id
    other = folded([match("e2")]).alerts[0].id

    assert first == again
    assert first != other


def test_matches_within_the_window_are_one_episode_told_once():
    result = folded([match("e1"), match("e2", 50), match("e3", 100)])

    (alert,) = result.alerts
    assert 3 == alert.count
    assert (NOON, NOON + timedelta(minutes=100)) == (alert.first_time, alert.last_time)
    assert 1 == alert.revision


def test_a_match_beyond_the_window_opens_another_episode():
    assert 2 == len(folded([match("e1"), match("e2", 61)]).alerts)


def test_a_late_match_joins_the_episode_that_it_belongs_to_without_news():
    (known,) = folded([match("e1")]).alerts
    result = folded([match("e0", -30)], known=[known])

    (alert,) = result.alerts
    assert known.id == alert.id
    assert (2, NOON - timedelta(minutes=30)) == (alert.count, alert.first_time)
    assert not result.tell
    assert known.late_seconds == alert.late_seconds, "the newest event is still the first one"


def test_a_replay_changes_nothing():
    before = folded([match("e1"), match("e2", 5)])
    (known,) = before.alerts
    again = folded(
        [match("e1"), match("e2", 5)], known=[known], owners={"e1": known.id, "e2": known.id}
    )

    assert () == again.alerts
    assert not again.tell
    assert {} == again.joined


def test_a_higher_severity_is_told_as_an_update_with_its_title():
    (known,) = folded([match("e1")]).alerts
    result = folded([match("e2", 5, Severity.CRITICAL)], known=[known])

    (alert,) = result.alerts
    assert (2, Severity.CRITICAL, "Odd login e2") == (alert.revision, alert.severity, alert.title)
    assert {alert.id} == result.tell


def test_an_event_that_grew_worse_is_told_but_not_counted_again():
    """A bulk job goes on: the same record comes again with more rows."""
    (known,) = folded([match("job")]).alerts
    worse = match("job", severity=Severity.HIGH, title="Odd login, worse")
    result = folded([worse], known=[known], owners={"job": known.id})

    (alert,) = result.alerts
    assert (1, 2, Severity.HIGH) == (alert.count, alert.revision, alert.severity)
    assert "Odd login, worse" == alert.title
    assert 1 == len(alert.evidence)


def test_ten_times_the_events_are_told_once_more():
    (known,) = folded([match("e0")]).alerts
    eight_more = folded([match(f"e{n}", n / 100) for n in range(1, 9)], known=[known])
    assert not eight_more.tell

    tenth = folded([match("e9")], known=eight_more.alerts)
    assert 10 == tenth.alerts[0].count
    assert 2 == tenth.alerts[0].revision


def test_evidence_is_capped_and_holds_json_values_only():
    (alert,) = folded([match(f"e{n:02}", n / 10) for n in range(30)]).alerts

    assert 30 == alert.count
    assert 10 == len(alert.evidence)
    assert {
        "event_uid": "e00",
        "time": "2026-03-01T12:00:00.000Z",
        "user_name": "ada@example.com",
    } == alert.evidence[0]


@given(st.permutations(range(8)))
def test_the_order_inside_a_batch_does_not_matter(order):
    matches = [match(f"e{n}", n * 25, Severity(n % 5)) for n in range(8)]
    shuffled = [matches[n] for n in order]

    assert folded(matches) == folded(shuffled)


@given(st.lists(st.integers(0, 600), min_size=1, max_size=20, unique=True))
def test_every_event_belongs_to_exactly_one_episode(minutes):
    result = folded([match(f"e{n}", n) for n in minutes])

    joined = [uid for uids in result.joined.values() for uid in uids]
    assert sorted(f"e{n}" for n in minutes) == sorted(joined)
    assert len(minutes) == sum(alert.count for alert in result.alerts)


def test_a_title_stays_with_the_worst_event():
    (alert,) = folded([match("e1", severity=Severity.HIGH), match("e2", 1)]).alerts

    assert "Odd login e1" == alert.title
    assert Severity.HIGH == alert.severity


def test_entities_of_later_events_are_added_not_replaced():
    later = replace(match("e2", 1), entities={"user_id": "x", "job_id": "750000000000001AAA"})
    (alert,) = folded([match("e1"), later]).alerts

    assert {"user_id": "005000000000001AAA", "job_id": "750000000000001AAA"} == alert.entities
