"""Generated correlations over generated events: DuckDB and a slow evaluator in Python agree."""

from __future__ import annotations

import pytest
from hypothesis import event as note
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.detect import correlation_sql
from collector.model import Severity, SeverityCase, SeverityStep
from fakes import correlation_oracle as oracle
from fakes.correlation_samples import (
    MINUTE,
    build_correlation,
    build_event,
    build_leaf_source,
    index_rules,
)

pytestmark = pytest.mark.slow

LEAVES = ("login", "query", "export")
FIELDS = ("user", "ip", "rows")
TYPES = ("event_count", "value_count", "value_sum", "value_avg", "value_percentile", "value_median")
TEMPORAL = ("temporal", "temporal_ordered")

values = {
    "user": st.sampled_from(["ann", "ann", "Ann", "bob", "", None]),
    "ip": st.sampled_from(["a", "a", "b", None]),
    "rows": st.sampled_from(["0", "1", "2.5", "-4", "1e2", " 3 ", "many", "nan", "", None]),
}
severities = st.sampled_from(Severity)
predicates = st.sampled_from(["metric >= 2", "metric < 0", "event_count > 1", "event_count = 3"])


@st.composite
def histories(draw: st.DrawFn):
    """Events, each of some of the rules."""
    found = {leaf: [] for leaf in LEAVES}
    for number in range(draw(st.integers(1, 12))):
        fields = {name: draw(value) for name, value in values.items()}
        made = build_event(
            f"e{number}", draw(st.integers(0, 12)), draw(st.integers(0, 3)), **fields
        )
        for leaf in draw(st.sets(st.sampled_from(LEAVES), min_size=1)):
            found[leaf].append(made)
    return found


@st.composite
def correlations(draw: st.DrawFn, name: str, rules: tuple[str, ...]):
    """A correlation of some of those rules."""
    is_temporal = draw(st.booleans())
    named = draw(st.lists(st.sampled_from(rules), min_size=1, max_size=4))
    groups = draw(st.lists(st.sampled_from(["user", "ip", "who"]), max_size=2, unique=True))
    steps = st.builds(
        SeverityStep, predicate=predicates, increment=st.integers(1, 4), max_severity=severities
    )
    cases = st.builds(SeverityCase, predicate=predicates, level=severities)
    ladder = {
        "level": draw(severities),
        "severity_cases": tuple(draw(st.lists(cases, max_size=2))),
        "severity_steps": tuple(draw(st.lists(steps, max_size=2))),
    }
    return build_correlation(
        name,
        rule=ladder,
        type=draw(st.sampled_from(TEMPORAL if is_temporal else TYPES)),
        rules=tuple(named),
        group_by=tuple(groups),
        timespan=draw(st.integers(0, 6)) * MINUTE,
        aliases={"who": {each: draw(st.sampled_from(["user", "ip"])) for each in rules}},
        field=draw(st.sampled_from([*FIELDS, "metric"])),
        percentile=draw(st.sampled_from([0, 10, 50, 75, 99, 100])),
        operator=None
        if is_temporal
        else draw(st.sampled_from(["gt", "gte", "lt", "lte", "eq", "neq"])),
        limit=None if is_temporal else draw(st.sampled_from([-1, 0, 1, 2, 2.5, 3])),
    )


@st.composite
def pairs(draw: st.DrawFn):
    """A correlation, and another one that may look at it."""
    inner = draw(correlations("inner", LEAVES))
    return inner, draw(correlations("outer", (*LEAVES, "inner", "inner")))


@settings(max_examples=200, deadline=None)
@given(pairs(), histories())
def test_sql_and_python_agree_on_every_window(connection, pair, history):
    inner, outer = pair
    rules = index_rules(inner, outer)
    sql = correlation_sql.select_anchors(outer, rules, build_leaf_source(history))
    groups = _names(outer)

    found = _fetched(connection, sql, [*groups, "event_uid", "metric", "event_count", "fires"])

    expected = [
        (*each.row.group, each.row.event["event_uid"], each.metric, len(each.window), each.fires)
        for each in oracle.list_anchors(outer, rules, history)
    ]
    note(
        f"fires: {any(each[-1] for each in expected)}, nested: {'inner' in outer.aggregation.rules}"
    )
    assert sorted(expected, key=str) == found


@settings(max_examples=200, deadline=None)
@given(pairs(), histories())
def test_sql_and_python_agree_on_every_member(connection, pair, history):
    inner, outer = pair
    rules = index_rules(inner, outer)
    sql = correlation_sql.select_firing_events(outer, rules, build_leaf_source(history))
    columns = ["metric", "event_count", "window_start", "window_end", "severity", "complete"]

    found = _fetched(connection, sql, [*_names(outer), "event_uid", *columns])

    expected = [
        (
            *(*each.row.group, each.row.event["event_uid"]),
            *_window(each.anchor, outer.aggregation.timespan),
            *(
                int(each.severity),
                each.anchor.complete_time if each.anchor else each.row.event["received"],
            ),
        )
        for each in oracle.list_members(outer, rules, history)
    ]
    note(f"members: {bool(expected)}, type: {outer.aggregation.type}")
    assert sorted(map(_plain, expected), key=str) == sorted(map(_plain, found), key=str)


def _window(anchor, timespan):
    if anchor is None:
        return None, None, None, None
    end = anchor.row.time
    return anchor.metric, len(anchor.window), end - timespan, end


def _names(rule):
    return [f'"{name}"' for name in rule.aggregation.group_by]


def _fetched(connection, sql, columns):
    rows = connection.execute(f"SELECT {', '.join(columns)} FROM ({sql})").fetchall()
    return sorted(rows, key=str)


def _plain(row):
    return tuple(each.isoformat() if hasattr(each, "isoformat") else each for each in row)
