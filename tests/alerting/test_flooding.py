"""A rule that floods is one alert beyond the limit, and nothing of it is lost or counted twice."""

import pytest

from collector.alerting.flooding import FLOOD_LIMIT, is_flood_key
from collector.channels.context_sentences import render_context
from collector.model import FirstSeen, Severity
from fakes.episode_bench import EpisodeBench, extract_visible_fields
from fakes.model_samples import NOON, build_match

MORE = 50


def build_matches(count, *, first=0, minutes=0.0, **changes):
    """Matches of one moment, each with a dedup key of its own."""
    return [
        build_match(
            f"e{number:04}",
            minutes,
            key=(f"user {number}",),
            event={"event_uid": f"e{number:04}", "user_name": "eve", "source_ip": f"ip {number}"},
            **changes,
        )
        for number in range(first, first + count)
    ]


def split_flood(bench):
    alerts = bench.list_open_alerts()
    floods = [alert for alert in alerts if is_flood_key(alert.key)]
    return floods, [alert for alert in alerts if alert not in floods]


@pytest.mark.slow
def test_up_to_the_limit_every_key_has_its_alert(episodes):
    episodes.ingest_matches(*build_matches(FLOOD_LIMIT))

    assert [1] * FLOOD_LIMIT == [alert.count for alert in episodes.list_open_alerts()]
    assert ([], FLOOD_LIMIT) == (split_flood(episodes)[0], len(split_flood(episodes)[1]))


def test_beyond_it_the_others_are_one_alert_that_says_what_they_have_in_common(episodes):
    told = episodes.ingest_matches(*build_matches(FLOOD_LIMIT + MORE))

    (flood,), others = split_flood(episodes)
    assert (FLOOD_LIMIT, MORE) == (len(others), flood.count)
    assert FLOOD_LIMIT + 1 == len(told)
    assert "over 200 alerts in an hour" in flood.title
    assert {} == flood.entities, "it is about no single one of them"
    ((label, sentence),) = render_context(flood.context)
    assert "Flood" == label
    assert f"user_name: eve ({MORE})" in sentence
    assert "source_ip: ip " in sentence
    members = episodes.list_member_uids()
    assert MORE == len(members[flood.id])
    assert FLOOD_LIMIT + MORE == sum(len(uids) for uids in members.values())


def test_a_critical_match_in_the_middle_of_a_flood_is_an_alert_of_its_own(episodes):
    flood = build_matches(FLOOD_LIMIT + MORE, severity=Severity.LOW)
    hidden = build_matches(1, first=9000, minutes=1.0, severity=Severity.CRITICAL)
    episodes.ingest_matches(*flood, *hidden)

    (together,), others = split_flood(episodes)
    assert (Severity.LOW, MORE) == (together.severity, together.count)
    assert [("user 9000",)] == [
        alert.key for alert in others if alert.severity == Severity.CRITICAL
    ]


@pytest.mark.slow
def test_many_small_batches_flood_like_a_large_one(database):
    at_once, one_by_one = (EpisodeBench(database, org=org) for org in ("acme", "other"))
    matches = build_matches(FLOOD_LIMIT + MORE)
    at_once.ingest_matches(*matches)
    for start in range(0, len(matches), 25):
        one_by_one.ingest_matches(*build_matches(25, first=start, org="other"))

    whole, parts = (
        [extract_visible_fields(alert) for alert in bench.list_open_alerts()]
        for bench in (at_once, one_by_one)
    )
    assert whole == parts


@pytest.mark.slow
def test_a_flood_that_is_found_again_stays_as_it_is(episodes):
    matches = build_matches(FLOOD_LIMIT + MORE)
    episodes.ingest_matches(*matches)
    before = episodes.list_alerts()

    assert [] == episodes.ingest_matches(*matches)
    assert before == episodes.list_alerts()


def test_a_key_that_has_an_alert_goes_on_in_it_during_a_flood(episodes):
    episodes.ingest_matches(*build_matches(FLOOD_LIMIT + MORE))
    episodes.ingest_matches(build_match("again", 5, key=("user 0",)))

    (flood,), others = split_flood(episodes)
    assert MORE == flood.count
    assert [2] == [alert.count for alert in others if alert.key == ("user 0",)]


def test_a_graver_match_in_a_flood_is_told(episodes):
    episodes.ingest_matches(*build_matches(FLOOD_LIMIT + MORE, severity=Severity.LOW))
    worse = build_matches(1, first=9_000, severity=Severity.HIGH)
    (told,) = episodes.ingest_matches(*worse)

    assert is_flood_key(told.key)
    assert (Severity.HIGH, MORE + 1, 2) == (told.severity, told.count, told.revision)


def test_another_hour_begins_anew(episodes):
    episodes.ingest_matches(*build_matches(FLOOD_LIMIT + MORE))
    episodes.ingest_matches(*build_matches(5, first=9_000, minutes=180))

    floods, others = split_flood(episodes)
    assert [MORE] == [alert.count for alert in floods]
    assert 5 == sum(alert.first_time > NOON for alert in others)


@pytest.mark.slow
def test_what_is_taken_back_leaves_the_flood(database):
    aggregation = FirstSeen(key=("user_id",), learn=NOON - NOON, forget=NOON - NOON)
    novelties = EpisodeBench(database, aggregation=aggregation)
    matches = build_matches(FLOOD_LIMIT + MORE)
    novelties.ingest_matches(*matches)
    (flood,), _ = split_flood(novelties)
    gone = novelties.list_member_uids()[flood.id][:10]
    novelties.ingest_matches(withdrawn_uids=gone)

    (flood,), _ = split_flood(novelties)
    assert MORE - 10 == flood.count
    assert set(gone).isdisjoint(novelties.list_member_uids()[flood.id])


def test_rules_and_orgs_flood_by_themselves(database):
    loud, quiet = EpisodeBench(database), EpisodeBench(database, name="other-rule")
    loud.ingest_matches(*build_matches(FLOOD_LIMIT + MORE))
    quiet.ingest_matches(*build_matches(3, first=9_000, rule="other-rule"))

    assert 3 == sum(alert.rule == "other-rule" for alert in quiet.list_open_alerts())
