"""What does not come: DuckDB and a slow evaluator in Python agree on generated events."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.clock import to_micros
from collector.detect import correlation_sql
from fakes import correlation_oracle as oracle
from fakes.correlation_samples import (
    MINUTE,
    NOON,
    build_correlation,
    build_event,
    build_leaf_source,
    index_rules,
)

LEAVES = ("login", "query", "export")


def build_waiting(kind, rules, absent, minutes=5):
    return build_correlation(
        "waiting",
        type=kind,
        rules=rules,
        absent=absent,
        timespan=minutes * MINUTE,
        operator=None,
        limit=None,
    )


INNER = build_correlation("inner", limit=2, timespan=2 * MINUTE)
"""Two logins of a user."""


def find_firing(connection, rule, history, known_until=None):
    """By event and group the metric of windows that fire, and None of other events in them."""
    until = None if known_until is None else str(to_micros(known_until))
    sql = correlation_sql.select_firing_events(
        rule, index_rules(rule, INNER), build_leaf_source(history), known_until=until
    )
    rows = connection.execute(
        f"SELECT event_uid, user, metric, window_start, window_end, complete FROM ({sql})"
    )
    return sorted(rows.fetchall(), key=str)


@st.composite
def histories(draw: st.DrawFn):
    """A few events of few users, each of some of the rules."""
    found = {leaf: [] for leaf in LEAVES}
    for number in range(draw(st.integers(1, 9))):
        user = draw(st.sampled_from(["ann", "ann", "bob"]))
        made = build_event(
            f"e{number}", draw(st.integers(0, 14)), draw(st.integers(0, 3)), user=user
        )
        for leaf in draw(st.sampled_from([*((each,) for each in LEAVES), ("login", "query")])):
            found[leaf].append(made)
    return found


@st.composite
def waiting_rules(draw: st.DrawFn):
    """Up to three rules of which one at least must not match."""
    named = draw(st.lists(st.sampled_from([*LEAVES, "inner"]), min_size=2, max_size=4))
    distinct = list(dict.fromkeys(named))
    if len(distinct) < 2:
        named, distinct = ["login", "export"], ["login", "export"]
    present = draw(st.integers(1, len(distinct) - 1))
    kind = draw(st.sampled_from(["temporal", "temporal_ordered"]))
    return build_waiting(kind, tuple(named), tuple(distinct[present:]), draw(st.integers(0, 6)))


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(waiting_rules(), histories(), st.one_of(st.none(), st.integers(0, 20)))
def test_sql_and_python_agree_on_what_does_not_come(connection, rule, history, end):
    known_until = None if end is None else NOON + end * MINUTE
    expected = [
        (
            each.row.event["event_uid"],
            *each.row.group,
            *(
                (
                    each.anchor.metric,
                    each.row.time,
                    each.row.time + rule.aggregation.timespan,
                    each.anchor.complete_time,
                )
                if each.anchor
                else (None, None, None, each.row.event["received"])
            ),
        )
        for each in oracle.list_members(
            rule, index_rules(rule, INNER), history, known_until=known_until
        )
    ]

    assert find_firing(connection, rule, history, known_until) == sorted(expected, key=str)


def uids(*found):
    return [uid for uid, *_ in found]


def at(uid, minutes, **fields):
    return build_event(uid, minutes, **fields)


@pytest.mark.parametrize(
    ("kind", "minutes", "fires"),
    [
        ("temporal", -6, True),
        ("temporal", -5, False),
        ("temporal", 5, False),
        ("temporal", 6, True),
        ("temporal_ordered", -1, True),
        ("temporal_ordered", 0, False),
        ("temporal_ordered", 5, False),
        ("temporal_ordered", 6, True),
    ],
)
def test_both_ends_belong_to_the_window(connection, kind, minutes, fires):
    rule = build_waiting(kind, ("login", "export"), ("export",))
    history = {"login": [at("a", 0)], "query": [], "export": [at("b", minutes)]}

    assert bool(find_firing(connection, rule, history)) is fires


@pytest.mark.parametrize(("kind", "found"), [("temporal", ["q"]), ("temporal_ordered", [])])
def test_what_is_to_be_there_fits_in_the_window_in_order_or_not(connection, kind, found):
    rule = build_waiting(kind, ("login", "query", "export"), ("export",))
    history = {"login": [at("l", 3)], "query": [at("q", 0)], "export": [at("x", 9)]}

    firing = [each for each in find_firing(connection, rule, history) if each[2] is not None]
    assert uids(*firing) == found


def test_a_window_ends_a_timespan_after_its_first_event_and_is_past_then(connection):
    rule = build_waiting("temporal_ordered", ("login", "query", "export"), ("export",))
    history = {"login": [at("l", 0)], "query": [at("q", 4)], "export": [at("x", 6)]}

    assert find_firing(connection, rule, history, NOON + timedelta(minutes=4, seconds=59)) == []
    found = find_firing(connection, rule, history, NOON + 5 * MINUTE)
    assert [(each[0], each[3], each[4]) for each in found if each[2]] == [
        ("l", NOON, NOON + 5 * MINUTE)
    ]
    assert uids(*found) == ["l", "q"]


def test_an_event_that_both_sides_match_is_there(connection):
    rule = build_waiting("temporal", ("login", "export"), ("export",))
    both = at("a", 0)

    assert find_firing(connection, rule, {"login": [both], "query": [], "export": [both]}) == []
