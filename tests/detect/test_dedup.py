"""Which events belong together."""

from datetime import UTC, datetime
from types import SimpleNamespace

from collector.detect import dedup

RULE = SimpleNamespace(dedup_key=("job_id", "user_id"), dedup_fallback=("query",))


def test_a_missing_value_is_empty_text_as_long_as_there_is_another():
    assert ("", "005") == dedup.build_dedup_key(
        RULE, {"event_uid": "e", "user_id": "005", "query": "q"}
    )


def test_events_without_any_value_go_by_the_fallback():
    assert ("q",) == dedup.build_dedup_key(RULE, {"event_uid": "e", "query": "q", "job_id": None})


def test_events_that_have_nothing_in_common_never_become_one():
    assert [("e1",), ("e2",)] == [
        dedup.build_dedup_key(RULE, {"event_uid": uid}) for uid in ("e1", "e2")
    ]


def test_values_become_text_the_same_way_every_time():
    rule = SimpleNamespace(dedup_key=("n", "x", "t"), dedup_fallback=())
    event = {"event_uid": "e", "n": 5, "x": 1.5, "t": datetime(2026, 1, 2, tzinfo=UTC)}

    assert ("5", "1.5", "2026-01-02T00:00:00+00:00") == dedup.build_dedup_key(rule, event)


def test_long_values_stay_apart_and_become_short():
    """Two queries that differ at their very end are two, and neither is stored whole."""
    one, other = ("x" * 100_000 + end for end in "ab")
    keys = [
        dedup.build_dedup_key(RULE, {"event_uid": "e", "query": query})[0]
        for query in (one, other, one)
    ]

    assert keys[0] == keys[2] != keys[1]
    assert {dedup.MAX_VALUE_LENGTH} == set(map(len, keys))
