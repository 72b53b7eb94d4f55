"""Correlations as SQL over event time: which windows fire, and which events lie in them.

The SQL is DuckDB's; `detect.export.dialect` converts it for Spark.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from collector.detect.correlation_sql import input_rows
from collector.detect.correlation_sql.absence import turn_round
from collector.detect.correlation_sql.firing_events import (
    UID_SEPARATOR,
    list_named_groups,
    mark_event_uid,
    render_grouped_uid,
    select_in_firing,
    strip_group_mark,
)
from collector.detect.correlation_sql.frames import FIRES_COLUMN, WINDOW_COLUMNS
from collector.detect.correlation_sql.input_rows import (
    as_correlation,
    find_field,
    is_correlation,
    list_distinct_rules,
)
from collector.detect.correlation_sql.linked_rows import select_linked_rows
from collector.detect.correlation_sql.member_rows import has_list_group
from collector.detect.correlation_sql.metrics import select_measured_rows
from collector.detect.correlation_sql.rule_overlaps import group_overlapping_rules
from collector.model import Correlation, Rule
from collector.model.event_columns import HEADER_COLUMNS

__all__ = [
    "UID_SEPARATOR",
    "compute_reach",
    "has_link",
    "has_list_group",
    "list_group_fields",
    "list_leaf_fields",
    "list_leaves",
    "list_plain_rules",
    "mark_event_uid",
    "render_match_uid",
    "select_anchors",
    "select_firing_events",
    "strip_group_mark",
]

LeafSource = Callable[[str, Sequence[str]], str]
"""Given the name of a plain rule and fields by the names that the rule uses, a SELECT of its
events, each once: event_uid, event_type, time, received, then one column per field, named exactly
as the field."""


def list_leaves(rule: Rule, rules: Mapping[str, Rule]) -> tuple[str, ...]:
    """The plain rules below a correlation, each once, in the order in which they are named."""
    found: dict[str, None] = {}
    for name in as_correlation(rule).rules:
        leaves = list_leaves(rules[name], rules) if is_correlation(name, rules) else (name,)
        found.update(dict.fromkeys(leaves))
    return tuple(found)


def list_plain_rules(rule: Rule, rules: Mapping[str, Rule]) -> tuple[str, ...]:
    """The plain rules below a correlation; a rule of another kind is its own."""
    if isinstance(rule.aggregation, Correlation):
        return list_leaves(rule, rules)
    return (rule.name,)


def list_leaf_fields(
    rule: Rule, rules: Mapping[str, Rule], leaf: str, carried: Sequence[str] = ()
) -> tuple[str, ...]:
    """The fields of a leaf that are read, by the names that it uses.

    The columns that a source has for every event are not among them. `carried` are fields that the
    rule's rows are to have beside its own.
    """
    correlation = as_correlation(rule)
    found: dict[str, None] = {}
    for name in list_distinct_rules(correlation):
        if name == leaf:
            found.update(dict.fromkeys(input_rows.list_read_fields(correlation, name, carried)))
        elif is_correlation(name, rules):
            inner = input_rows.list_inner_fields(correlation, rules[name], carried)
            found.update(dict.fromkeys(list_leaf_fields(rules[name], rules, leaf, inner)))
    return tuple(found)


def compute_reach(rule: Rule, rules: Mapping[str, Rule]) -> timedelta:
    """How far apart the events of one match can lie: the time spans of the deepest nesting.

    Twice that of a correlation which wants nothing before its window, either.
    What links say of them may lie as much farther as these reach.
    """
    correlation = as_correlation(rule)
    reaches = [
        compute_reach(rules[name], rules)
        for name in correlation.rules
        if is_correlation(name, rules)
    ]
    is_around = bool(correlation.absent) and correlation.type == "temporal"
    own = correlation.timespan * (1 + is_around)
    link = timedelta() if correlation.link is None else correlation.link.within
    return link + own + max(reaches, default=timedelta())


def has_link(rule: Rule, rules: Mapping[str, Rule]) -> bool:
    """Whether a correlation, or one below it, fills events by others."""
    inner = [rules[name] for name in as_correlation(rule).rules if is_correlation(name, rules)]
    return as_correlation(rule).link is not None or any(has_link(each, rules) for each in inner)


def list_group_fields(rule: Rule, rules: Mapping[str, Rule], leaf: str) -> tuple[str | None, ...]:
    """For each group-by name the field of the leaf that it stands for.

    None where (also) the windows of another correlation lie between the two.
    """
    correlation = as_correlation(rule)
    inner_rules = [rules[name] for name in correlation.rules if is_correlation(name, rules)]
    is_nested = any(leaf in list_leaves(each, rules) for each in inner_rules)
    return tuple(
        None if is_nested else find_field(correlation, name, leaf) for name in correlation.group_by
    )


def select_anchors(
    rule: Rule, rules: Mapping[str, Rule], source: LeafSource, *, known_until: str | None = None
) -> str:
    """SQL: every event that the correlation looks at, and the metric of the window that it ends.

    The columns: its group by the group-by names, event_uid, event_type, time, received, metric,
    event_count, fires. An event has one row in each of its groups. `known_until` is as
    `select_firing_events` says.
    """
    groups = [f"{column} AS {name}" for column, name in list_named_groups(as_correlation(rule))]
    columns = [*groups, *HEADER_COLUMNS, *WINDOW_COLUMNS, f"{FIRES_COLUMN} AS fires"]
    rows = _select_anchor_rows(rule, rules, source, known_until=known_until)
    return f"SELECT {', '.join(columns)} FROM ({rows}) AS events"


def select_firing_events(
    rule: Rule, rules: Mapping[str, Rule], source: LeafSource, *, known_until: str | None = None
) -> str:
    """SQL: the events that lie in at least one window that fires.

    The columns: event_uid, event_type, time, received, the group by the group-by names; then of
    the window that the event ends, if that fires, metric, event_count, window_start, window_end,
    severity (0 to 4) and complete, the time when the last of its events was received, and whether
    each of its conditions about events holds; then the fields that it carries. An event
    whose own window does not fire lies in another's: these are NULL, severity is 0, and complete
    is when it was received.

    Windows of a correlation in which something must not come (`absence`) fire where they end no
    later than `known_until`: SQL of a time in microseconds; None where all of them are past.
    """
    return select_in_firing(rule, _select_anchor_rows(rule, rules, source, known_until=known_until))


def render_match_uid(rule: Rule, rules: Mapping[str, Rule]) -> str:
    """SQL: the match uid of a firing event, given its columns.

    It is the event_uid; if an event may be in several groups, followed by a mark of its group.
    """
    return (
        render_grouped_uid(as_correlation(rule))
        if _has_several_groups(rule, rules)
        else "event_uid"
    )


def _has_several_groups(rule: Rule, rules: Mapping[str, Rule]) -> bool:
    """Whether a correlation may have an event in several groups."""
    correlation = as_correlation(rule)
    names = list_distinct_rules(correlation)
    if not correlation.group_by:
        return False
    inner_rules = [rules[name] for name in names if is_correlation(name, rules)]
    has_aliases = len(names) > 1 and bool(correlation.aliases)
    # What a late link event fills puts an event into another group than before.
    return (
        has_aliases
        or correlation.link is not None
        or has_list_group(correlation)
        or any(_has_several_groups(each, rules) for each in inner_rules)
    )


def _select_anchor_rows(
    rule: Rule,
    rules: Mapping[str, Rule],
    source: LeafSource,
    carried: Sequence[str] = (),
    *,
    known_until: str | None = None,
) -> str:
    correlation = turn_round(as_correlation(rule))

    def select_rows(name: str) -> str:
        if is_correlation(name, rules):
            inner = rules[name]
            fields = input_rows.list_inner_fields(correlation, inner, carried)
            anchors = _select_anchor_rows(inner, rules, source, fields)
            return input_rows.select_nested_rows(correlation, inner, anchors, carried)
        rows = _select_leaf_rows(correlation, name, source, carried)
        return input_rows.select_plain_rows(correlation, name, rows, carried)

    parts = [select_rows(name) for name in list_distinct_rules(correlation)]
    is_unique = not _can_repeat_events(rule, rules)
    return select_measured_rows(
        correlation,
        input_rows.combine_rows(correlation, parts, carried=carried, is_unique=is_unique),
        group_overlapping_rules(correlation, rules),
        known_until,
    )


def _select_leaf_rows(
    correlation: Correlation, name: str, source: LeafSource, carried: Sequence[str]
) -> str:
    """The events of a plain rule, with what the link says of them."""
    fields = input_rows.list_read_fields(correlation, name, carried)
    rows, link = source(name, fields), correlation.link
    if link is None or name == link.rule:
        return rows
    links = source(link.rule, input_rows.list_read_fields(correlation, link.rule, carried))
    return select_linked_rows(link, fields, rows, links)


def _can_repeat_events(rule: Rule, rules: Mapping[str, Rule]) -> bool:
    """Whether a correlation may receive an event more than once."""
    names = list_distinct_rules(as_correlation(rule))
    return len(names) > 1 or any(
        is_correlation(name, rules)
        and (has_list_group(as_correlation(rules[name])) or _can_repeat_events(rules[name], rules))
        for name in names
    )
