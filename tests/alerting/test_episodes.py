"""The laws of episodes: what opens, extends, bridges, splits and ends them, and what is told."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from collector.evaluation.result import EvaluationResult
from collector.ingest.stored_episodes import fold_matches
from collector.model import FirstSeen, Route, Severity
from collector.store import delivery_leases, outbox
from collector.store.database import open_database
from fakes.episode_bench import EpisodeBench, extract_visible_fields
from fakes.model_samples import NOON, build_match

HOUR = timedelta(hours=1)


@pytest.fixture
def novelties(database):
    """The episodes of a rule whose matches may be taken back."""
    return EpisodeBench(database, aggregation=FirstSeen(key=("user_id",), learn=HOUR, forget=HOUR))


def one(episodes):
    (alert,) = episodes.list_open_alerts()
    return alert


# ---- opening and extending


def test_the_first_match_opens_an_alert_and_is_told(episodes):
    (told,) = episodes.ingest_matches(build_match())

    assert one(episodes) == told
    assert (1, 1, Severity.MEDIUM) == (told.count, told.revision, told.severity)
    assert {told.id: ["e1"]} == episodes.list_member_uids()
    assert 3 * 3600 == told.late_seconds


def test_an_alert_id_is_a_function_of_org_rule_key_and_opening_event(episodes, tmp_path):
    episodes.ingest_matches(build_match("e1"), build_match("e2", 5))
    episodes.ingest_matches(build_match("e0", -5))
    (tmp_path / "other").mkdir()
    database = open_database(tmp_path / "other")
    other = EpisodeBench(database)
    other.ingest_matches(build_match("e1"), build_match("e2", 300))
    first, second = other.list_open_alerts()
    database.close()

    assert one(episodes).id == first.id
    assert first.id != second.id


def test_matches_within_the_window_are_one_episode_told_once(episodes):
    told = episodes.ingest_matches(build_match("e1"), build_match("e2", 50), build_match("e3", 100))

    assert [one(episodes)] == told
    assert (3, 1) == (told[0].count, told[0].revision)
    assert (NOON, NOON + timedelta(minutes=100)) == (told[0].first_time, told[0].last_time)


@pytest.mark.parametrize(("minutes", "found"), [(60, 1), (60.1, 2)])
def test_a_match_beyond_the_window_opens_another_episode(episodes, minutes, found):
    episodes.ingest_matches(build_match("e1"), build_match("e2", minutes))

    assert found == len(episodes.list_open_alerts())


def test_a_late_match_joins_the_episode_that_it_belongs_to_without_news(episodes):
    (known,) = episodes.ingest_matches(build_match("e1"))
    assert [] == episodes.ingest_matches(build_match("e0", -30, received=NOON + 9 * HOUR))

    alert = one(episodes)
    assert (known.id, 2) == (alert.id, alert.count)
    assert NOON - timedelta(minutes=30) == alert.first_time
    assert known.late_seconds == alert.late_seconds, "the newest event is still the first one"


def test_a_replay_changes_nothing(episodes):
    matches = [build_match("e1", count=7), build_match("e2", 5)]
    episodes.ingest_matches(*matches)
    before = episodes.list_alerts()

    assert [] == episodes.ingest_matches(*matches)
    assert before == episodes.list_alerts()


def test_a_match_counts_for_the_events_that_it_stands_for(episodes):
    episodes.ingest_matches(build_match("e1", count=10))
    episodes.ingest_matches(build_match("e2", 5, count=3))

    assert 13 == one(episodes).count


# ---- what an alert says


def test_the_title_and_the_context_are_the_gravest_matchs(episodes):
    seen = ({"kind": "list", "list": "ioc_ip"},)
    episodes.ingest_matches(build_match("e1", severity=Severity.HIGH, context=seen))
    episodes.ingest_matches(build_match("e0", -1), build_match("e2", 1, Severity.HIGH))

    alert = one(episodes)
    assert ("Odd login e1", Severity.HIGH, seen) == (alert.title, alert.severity, alert.context)


def test_of_equal_severity_the_weightier_match_leads(episodes):
    episodes.ingest_matches(build_match("e1", weight=3.0))
    episodes.ingest_matches(build_match("e2", 5, weight=30.0))
    episodes.ingest_matches(build_match("e3", 6, weight=float("nan")))

    assert "Odd login e2" == one(episodes).title


def test_entities_are_the_leads_and_else_the_earliest_matchs_that_has_them(episodes):
    episodes.ingest_matches(build_match("e3", 3, entities={"source_ip": "3", "country": "C3"}))
    episodes.ingest_matches(build_match("e2", 2, entities={"source_ip": "2"}))
    lead = build_match("e4", 4, Severity.HIGH, entities={"user_id": "x", "country": ""})
    episodes.ingest_matches(lead)

    assert {"user_id": "x", "source_ip": "2", "country": "C3"} == one(episodes).entities


def test_evidence_is_capped_and_keeps_the_event_that_made_it_grave(episodes):
    matches = [build_match(f"e{n:02}", n / 10, weight=float(n)) for n in range(30)]
    episodes.ingest_matches(*matches[:20])
    episodes.ingest_matches(*matches[20:])

    alert = one(episodes)
    shown = [event["event_uid"] for event in alert.evidence]
    assert 30 == alert.count
    assert [*(f"e{n:02}" for n in range(9)), "e29"] == shown


def test_evidence_holds_json_values_only(episodes):
    strange = {"event_uid": "e1", "time": NOON, "score": float("nan"), "entity": None, "x": [1]}
    episodes.ingest_matches(
        build_match(event=strange, context=({"kind": "window", "metric": float("inf")},))
    )

    alert = one(episodes)
    assert (
        {"event_uid": "e1", "time": "2026-03-01T12:00:00.000Z", "score": "nan", "x": "[1]"},
    ) == alert.evidence
    assert ({"kind": "window", "metric": "inf"},) == alert.context


def test_what_is_shown_beside_a_match_comes_after_what_matches_are_about(episodes):
    beside = tuple({"event_uid": f"b{n}", "time": NOON - n * HOUR / 60} for n in range(12))
    episodes.ingest_matches(build_match("e1", evidence=beside), build_match("e2", 5))

    shown = {event["event_uid"] for event in one(episodes).evidence}
    assert 10 == len(shown)
    assert {"e1", "e2", "b11"} <= shown
    assert "b0" not in shown


def test_a_long_text_is_cut_once(novelties):
    long = {"event_uid": "e1", "query": "q" * 5_000}
    novelties.ingest_matches(
        build_match("e1", event=long, context=({"kind": "list", "note": "n" * 5_000},))
    )
    first = one(novelties)
    novelties.ingest_matches(build_match("e2", 1))
    novelties.ingest_matches(withdrawn_uids=["e2"])

    assert first.evidence == one(novelties).evidence
    assert first.context == one(novelties).context
    assert first.evidence[0]["query"].endswith("q… (5,000 characters)")


# ---- telling again


def test_a_higher_severity_is_told_as_an_update_with_its_title(episodes):
    episodes.ingest_matches(build_match("e1"))
    (told,) = episodes.ingest_matches(build_match("e2", 5, Severity.CRITICAL))

    assert (2, Severity.CRITICAL, "Odd login e2") == (told.revision, told.severity, told.title)


def test_ten_times_the_events_are_told_once_more(episodes):
    episodes.ingest_matches(build_match("e0"))
    assert [] == episodes.ingest_matches(*(build_match(f"e{n}", n / 100) for n in range(1, 9)))

    (told,) = episodes.ingest_matches(build_match("e9"))
    assert (10, 2) == (told.count, told.revision)


# ---- the same event once more


def test_an_event_that_grew_worse_is_told_but_not_counted_again(episodes):
    """A bulk job goes on: the same record comes again with more rows."""
    episodes.ingest_matches(build_match("job"))
    (told,) = episodes.ingest_matches(
        build_match("job", severity=Severity.HIGH, title="Odd login, worse")
    )

    assert (1, 2, Severity.HIGH) == (told.count, told.revision, told.severity)
    assert "Odd login, worse" == told.title
    assert 1 == len(told.evidence)


def test_an_event_that_is_less_grave_after_all_takes_its_severity_back(novelties):
    novelties.ingest_matches(build_match("e1"), build_match("e2", 5, Severity.HIGH, count=9))
    assert [] == novelties.ingest_matches(build_match("e2", 5, Severity.LOW, count=1))

    alert = one(novelties)
    assert (Severity.MEDIUM, "Odd login e1", 2) == (alert.severity, alert.title, alert.count)


def test_an_event_whose_key_turns_out_another_goes_over_to_its_episode(novelties):
    novelties.ingest_matches(build_match("e1"), build_match("e2", 5))
    novelties.ingest_matches(build_match("e2", 5, key=("other",)))

    assert [1, 1] == [alert.count for alert in novelties.list_open_alerts()]
    assert [["e1"], ["e2"]] == sorted(novelties.list_member_uids().values())


# ---- bridges


def test_a_match_that_bridges_two_episodes_makes_them_one(episodes):
    (older,) = episodes.ingest_matches(build_match("e2", 100))
    (newer,) = episodes.ingest_matches(build_match("e1"))
    episodes.ingest_matches(build_match("bridge", 50))

    alert = one(episodes)
    assert (older.id, 3) == (alert.id, alert.count)
    assert {older.id: ["e1", "bridge", "e2"], newer.id: []} == episodes.list_member_uids()
    gone = episodes.find_alert(newer.id)
    assert ("merged", older.id) == (gone.status, gone.merged_into)
    assert newer.id not in {alert.id for alert in episodes.list_alerts()}


def test_what_was_never_told_of_a_merged_alert_is_not_told_any_more(episodes):
    (older,) = episodes.ingest_matches(build_match("e2", 100))
    episodes.ingest_matches(build_match("e1", severity=Severity.HIGH))
    (told,) = episodes.ingest_matches(build_match("bridge", 50))

    assert (older.id, Severity.HIGH) == (told.id, told.severity)
    assert {(older.id, 2)} == waiting(episodes)


def test_a_bridge_that_is_withdrawn_leaves_two_alerts_again(novelties):
    (older,) = novelties.ingest_matches(build_match("e2", 100))
    (newer,) = novelties.ingest_matches(build_match("e1"))
    novelties.ingest_matches(build_match("bridge", 50))
    (told,) = novelties.ingest_matches(withdrawn_uids=["bridge"])

    assert [newer.id, older.id] == [alert.id for alert in novelties.list_open_alerts()]
    assert newer.id == told.id
    assert extract_visible_fields(newer) == extract_visible_fields(told)
    assert {older.id: ["e2"], newer.id: ["e1"]} == novelties.list_member_uids()


# ---- withdrawals


def test_what_is_withdrawn_leaves_no_trace_in_what_the_alert_says(novelties):
    novelties.ingest_matches(build_match("e1"))
    before = one(novelties)
    novelties.ingest_matches(
        build_match("e0", -5, Severity.LOW, count=3, entities={"country": "NL"})
    )
    assert [] == novelties.ingest_matches(withdrawn_uids=["e0", "unheard of"])

    assert extract_visible_fields(before) == extract_visible_fields(one(novelties))


def test_the_part_with_the_opening_event_goes_on_in_the_name_of_an_alert_that_splits(novelties):
    (known,) = novelties.ingest_matches(build_match("e1", 100))
    novelties.ingest_matches(build_match("e2", 50), build_match("e3"))
    (told,) = novelties.ingest_matches(withdrawn_uids=["e2"])

    assert [told.id, known.id] == [alert.id for alert in novelties.list_open_alerts()]
    assert {told.id: ["e3"], known.id: ["e1"]} == novelties.list_member_uids()


def test_without_its_opening_event_the_first_part_goes_on(novelties):
    (known,) = novelties.ingest_matches(build_match("e0", 50))
    novelties.ingest_matches(build_match("e1", 0), build_match("e2", 100))
    novelties.ingest_matches(withdrawn_uids=["e0"])

    first, second = novelties.list_open_alerts()
    assert (known.id, "Odd login e1") == (first.id, first.title)
    assert "Odd login e2" == second.title


def test_an_alert_with_nothing_left_is_withdrawn_and_says_why(novelties):
    novelties.ingest_matches(build_match("e1"), build_match("e2", 5))
    assert [] == novelties.ingest_matches(withdrawn_uids=["e1", "e2"], reason="Both had been seen.")

    (alert,) = novelties.list_alerts()
    assert ("withdrawn", "Both had been seen.") == (alert.status, alert.reason)
    assert 2 == alert.count, "what it said is kept"
    assert set() == waiting(novelties)


def test_without_a_reason_the_usual_one_is_given(novelties):
    novelties.ingest_matches(build_match("e1"))
    novelties.ingest_matches(withdrawn_uids=["e1"])

    (alert,) = novelties.list_alerts()
    assert "An older event came late: this one was not the first of its kind." == alert.reason


def test_who_was_told_of_an_alert_is_told_that_it_does_not_hold(novelties):
    novelties.channels = ("chat", "mail")
    novelties.ingest_matches(build_match("e1"))
    send(novelties, "chat")
    (told,) = novelties.ingest_matches(withdrawn_uids=["e1"])

    assert ("withdrawn", 2) == (told.status, told.revision)
    assert {(told.id, 2)} == waiting(novelties, "chat")
    assert set() == waiting(novelties, "mail")


def test_a_channel_that_was_told_in_the_place_of_another_one_hears_of_the_end(novelties):
    novelties.channels = ("chat", "oncall")
    novelties.routes = (Route(channels=("chat",)),)
    (alert,) = novelties.ingest_matches(build_match())
    with novelties.database.begin() as connection:
        outbox.enqueue_fallback(connection, alert, ["oncall"], instead_of="chat", now=NOON)
    send(novelties, "oncall")
    novelties.ingest_matches(withdrawn_uids=["e1"])

    assert {(alert.id, 2)} == waiting(novelties, "oncall")


def test_what_comes_back_opens_the_withdrawn_alert_again_and_is_told(novelties):
    (known,) = novelties.ingest_matches(build_match("e1"))
    novelties.ingest_matches(withdrawn_uids=["e1"])
    (told,) = novelties.ingest_matches(build_match("e0", -10))

    assert (known.id, "open", "") == (told.id, told.status, told.reason)
    assert (1, "Odd login e0", 3) == (told.count, told.title, told.revision)


def test_an_older_first_takes_the_place_of_the_one_that_was_told(novelties):
    """The event that was new is not; the one before it is. Nobody is told twice."""
    (known,) = novelties.ingest_matches(build_match("e1"))
    assert [] == novelties.ingest_matches(build_match("e0", -10), withdrawn_uids=["e1"])

    assert (known.id, "Odd login e0") == (one(novelties).id, one(novelties).title)


def test_an_alert_that_goes_on_without_its_opener_keeps_its_id_to_itself(novelties):
    (known,) = novelties.ingest_matches(build_match("e1"), build_match("e2", 30))
    novelties.ingest_matches(withdrawn_uids=["e1"])
    (told,) = novelties.ingest_matches(build_match("e1", -600))

    assert [told.id, known.id] == [alert.id for alert in novelties.list_open_alerts()]
    assert told.id != known.id


# ---- cost


def test_an_ordinary_match_reads_no_member_of_an_old_episode(novelties):
    novelties.ingest_matches(*(build_match(f"e{n}", n / 10) for n in range(50)))
    with novelties.database.begin() as connection:
        statements = []
        sa.event.listen(
            connection,
            "before_cursor_execute",
            lambda *context: statements.append((context[2], context[3])),
        )
        for matches in ([build_match("new", 6)], [build_match("e20", 2.0, count=5)]):
            result = EvaluationResult(matches=matches)
            fold_matches(connection, {"odd-login": novelties.rule}, result, now=NOON)

    reads = [shown for shown in statements if "FROM matches" in shown[0]]
    assert 2 == len(reads)
    assert all("event_uid IN" in words and "alert_id IN" not in words for words, _ in reads)


def waiting(episodes, channel="chat"):
    """The messages that a channel is still to get: alert and revision."""
    found = set()
    with episodes.database.begin() as connection:
        later = NOON + timedelta(days=9)
        while delivery := delivery_leases.lease_delivery(
            connection, channel, now=later, until=later + HOUR
        ):
            found.add((delivery.alert_id, delivery.revision))
    return found


def send(episodes, channel):
    later = NOON + timedelta(days=9)
    with episodes.database.begin() as connection:
        delivery = delivery_leases.lease_delivery(
            connection, channel, now=later, until=later + HOUR
        )
        outbox.mark_sent(connection, delivery.key, reference="", now=later)
