"""Generated correlations over generated events: DuckDB and a slow evaluator in Python agree."""

from __future__ import annotations

import pytest
from hypothesis import event as note
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.clock import to_micros
from collector.detect import correlation_sql
from collector.model import MemberCondition, MemberLink, Severity, SeverityCase, SeverityStep
from fakes import correlation_oracle as oracle
from fakes.correlation_samples import (
    MINUTE,
    NOON,
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
NO_LIMIT = {"operator": None, "limit": None}

values = {
    "user": st.sampled_from(["ann", "ann", "Ann", "bob", "", None]),
    "ip": st.sampled_from(["a", "a", "b", None]),
    "rows": st.sampled_from(["0", "1", "2.5", "-4", "1e2", " 3 ", "many", "nan", "", None]),
}
severities = st.sampled_from(Severity)
predicates = st.sampled_from(
    ["metric >= 2", "metric < 0", "event_count > 1", "event_count = 3", '"#when0" = 1']
)


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
def conditions(draw: st.DrawFn, kind: str, rules: int):
    """What a type may ask for; the types that ask for every rule have no limit."""
    if kind in TYPES:
        operator = draw(st.sampled_from(["gt", "gte", "lt", "lte", "eq", "neq"]))
        return {"operator": operator, "limit": draw(st.sampled_from([-1, 0, 1, 2, 2.5, 3]))}
    if kind == "temporal" and draw(st.booleans()):
        return {"operator": "gte", "limit": draw(st.integers(1, rules))}
    return NO_LIMIT


def absences(named: list[str]):
    """Some of the rules, not all, which must not match."""
    names = sorted(set(named))
    if len(names) < 2:
        return st.just(())
    return st.sets(st.sampled_from(names), max_size=len(names) - 1).map(lambda s: tuple(sorted(s)))


@st.composite
def correlations(draw: st.DrawFn, name: str, rules: tuple[str, ...], *, may_miss: bool = False):
    """A correlation of some of those rules; `may_miss` where some may have to be absent."""
    kind = draw(st.sampled_from(draw(st.sampled_from([TYPES, TEMPORAL]))))
    named = draw(st.lists(st.sampled_from(rules), min_size=1, max_size=4))
    asked = draw(
        st.none() | st.sampled_from([each for each in LEAVES if each not in named] or [None])
    )
    link = None
    if asked is not None and name == "outer" and draw(st.booleans()):
        within = draw(st.integers(0, 4)) * MINUTE
        link = MemberLink(rule=asked, by="ip", fills=("user",), within=within)
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
    absent = draw(absences(named)) if may_miss and kind in TEMPORAL else ()
    return build_correlation(
        name,
        rule=ladder,
        type=kind,
        absent=absent,
        rules=tuple(filter(None, [*named, asked])),
        optional=frozenset(filter(None, [asked])),
        link=link,
        group_by=tuple(groups),
        timespan=draw(st.integers(0, 6)) * MINUTE,
        aliases={"who": {each: draw(st.sampled_from(["user", "ip"])) for each in rules}},
        field=draw(st.sampled_from([*FIELDS, "metric"])),
        percentile=draw(st.sampled_from([0, 10, 50, 75, 99, 100])),
        member_conditions=(
            MemberCondition(
                predicate="COALESCE(\"ip\" = 'a', FALSE)",
                columns={"ip": "VARCHAR"},
                rule=draw(st.sampled_from([None, *named])) if asked is None else asked,
                is_about_all=draw(st.booleans()),
            ),
        ),
        **(NO_LIMIT if absent else draw(conditions(kind, len(set(named))))),
    )


@st.composite
def pairs(draw: st.DrawFn):
    """A correlation, and another one that may look at it."""
    inner = draw(correlations("inner", LEAVES))
    return inner, draw(correlations("outer", (*LEAVES, "inner", "inner"), may_miss=True))


ends = st.one_of(st.none(), st.integers(-2, 18).map(lambda minutes: NOON + minutes * MINUTE))


def to_sql(known_until):
    return None if known_until is None else str(to_micros(known_until))


@settings(max_examples=80, deadline=None)
@given(pairs(), histories(), ends)
def test_sql_and_python_agree_on_every_window(connection, pair, history, end):
    inner, outer = pair
    rules = index_rules(inner, outer)
    source = build_leaf_source(history)
    sql = correlation_sql.select_anchors(outer, rules, source, known_until=to_sql(end))
    groups = _names(outer)

    found = _fetched(connection, sql, [*groups, "event_uid", "metric", "event_count", "fires"])

    expected = [
        (*each.row.group, each.row.event["event_uid"], each.metric, each.event_count, each.fires)
        for each in oracle.list_anchors(outer, rules, history, known_until=end)
    ]
    note(
        f"fires: {any(each[-1] for each in expected)}, nested: {'inner' in outer.aggregation.rules}"
    )
    assert sorted(expected, key=str) == found


@settings(max_examples=80, deadline=None)
@given(pairs(), histories(), ends)
def test_sql_and_python_agree_on_every_member(connection, pair, history, end):
    inner, outer = pair
    rules = index_rules(inner, outer)
    source = build_leaf_source(history)
    sql = correlation_sql.select_firing_events(outer, rules, source, known_until=to_sql(end))
    columns = ["metric", "event_count", "window_start", "window_end", "severity", "complete"]

    found = _fetched(connection, sql, [*_names(outer), "event_uid", *columns])

    expected = [
        (
            *(*each.row.group, each.row.event["event_uid"]),
            *_window(each.anchor, outer.aggregation),
            *(
                int(each.severity),
                each.anchor.complete_time if each.anchor else each.row.event["received"],
            ),
        )
        for each in oracle.list_members(outer, rules, history, known_until=end)
    ]
    note(f"members: {bool(expected)}, type: {outer.aggregation.type}")
    assert sorted(map(_plain, expected), key=str) == sorted(map(_plain, found), key=str)


def _window(anchor, correlation):
    if anchor is None:
        return None, None, None, None
    time, length = anchor.row.time, correlation.timespan
    bounds = (time, time + length) if correlation.absent else (time - length, time)
    return anchor.metric, anchor.event_count, *bounds


def _names(rule):
    return [f'"{name}"' for name in rule.aggregation.group_by]


def _fetched(connection, sql, columns):
    rows = connection.execute(f"SELECT {', '.join(columns)} FROM ({sql})").fetchall()
    return sorted(rows, key=str)


def _plain(row):
    return tuple(each.isoformat() if hasattr(each, "isoformat") else each for each in row)
