"""Correlations as SQL over event time: which windows fire, and which events lie in them.

The SQL is DuckDB's; `dialect.spark` says the same to Spark.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from collector.detect.windows import rows as window_rows
from collector.detect.windows.frames import FIRES, FIXED, MEASURED
from collector.detect.windows.measures import measured
from collector.detect.windows.members import APART, event_uid, in_firing, member_uid, named_groups
from collector.detect.windows.rows import correlation_of, distinct, field_at, is_correlation
from collector.model import Rule

__all__ = [
    "APART",
    "anchors",
    "event_uid",
    "fields_of",
    "groups",
    "leaves",
    "match_uid",
    "members",
    "reach",
]

Source = Callable[[str, Sequence[str]], str]
"""Given the name of a plain rule and fields by the names that the rule uses, a SELECT of its
events, each once: event_uid, event_type, time, received, then one column per field, named exactly
as the field."""


def leaves(rule: Rule, rules: Mapping[str, Rule]) -> tuple[str, ...]:
    """The plain rules below a correlation, each once, in the order in which they are named."""
    found: dict[str, None] = {}
    for name in correlation_of(rule).rules:
        below = leaves(rules[name], rules) if is_correlation(name, rules) else (name,)
        found.update(dict.fromkeys(below))
    return tuple(found)


def fields_of(rule: Rule, rules: Mapping[str, Rule], leaf: str) -> tuple[str, ...]:
    """The fields of a leaf that are read, by the names that it uses.

    Those that a source gives of every event are not among them.
    """
    correlation = correlation_of(rule)
    found: dict[str, None] = {}
    for name in distinct(correlation):
        if name == leaf:
            found.update(dict.fromkeys(window_rows.fields_at(correlation, name)))
        elif is_correlation(name, rules):
            found.update(dict.fromkeys(fields_of(rules[name], rules, leaf)))
    return tuple(found)


def reach(rule: Rule, rules: Mapping[str, Rule]) -> timedelta:
    """How far back from an event others can matter: the time spans of the deepest nesting."""
    correlation = correlation_of(rule)
    below = [reach(rules[name], rules) for name in correlation.rules if is_correlation(name, rules)]
    return correlation.timespan + max(below, default=timedelta())


def groups(rule: Rule, rules: Mapping[str, Rule], leaf: str) -> tuple[str | None, ...]:
    """For each group-by name the field of the leaf that it stands for.

    None where (also) the windows of another correlation lie between the two.
    """
    correlation = correlation_of(rule)
    inner = [rules[name] for name in correlation.rules if is_correlation(name, rules)]
    is_nested = any(leaf in leaves(each, rules) for each in inner)
    return tuple(
        None if is_nested else field_at(correlation, name, leaf) for name in correlation.group_by
    )


def anchors(rule: Rule, rules: Mapping[str, Rule], source: Source) -> str:
    """SQL: every event that the correlation looks at, and what the window that it ends comes to.

    The columns: its group by the group-by names, event_uid, event_type, time, received, metric,
    event_count, fires. An event stands once in each of its groups.
    """
    shown = [f"{column} AS {name}" for column, name in named_groups(correlation_of(rule))]
    columns = [*shown, *FIXED, *MEASURED, f"{FIRES} AS fires"]
    return f"SELECT {', '.join(columns)} FROM ({_anchors(rule, rules, source)}) AS events"


def members(rule: Rule, rules: Mapping[str, Rule], source: Source) -> str:
    """SQL: the events that lie in at least one window that fires.

    The columns: event_uid, event_type, time, received, the group by the group-by names; then of
    the window that the event ends, if that fires, metric, event_count, window_start, window_end,
    severity (0 to 4) and complete, the time when the last of its events was received. An event
    whose own window does not fire lies in another's: these are NULL, severity is 0, and complete
    is when it was received.
    """
    return in_firing(rule, _anchors(rule, rules, source))


def match_uid(rule: Rule, rules: Mapping[str, Rule]) -> str:
    """SQL: what tells members from each other, given their columns.

    It is the event_uid; if an event may be in several groups, with a mark of its group after it.
    """
    return member_uid(correlation_of(rule)) if _has_several_groups(rule, rules) else "event_uid"


def _has_several_groups(rule: Rule, rules: Mapping[str, Rule]) -> bool:
    """Whether an event may come to a correlation in several groups."""
    correlation = correlation_of(rule)
    names = distinct(correlation)
    if not correlation.group_by:
        return False
    inner = [rules[name] for name in names if is_correlation(name, rules)]
    has_own = len(names) > 1 and bool(correlation.aliases)
    return has_own or any(_has_several_groups(each, rules) for each in inner)


def _anchors(rule: Rule, rules: Mapping[str, Rule], source: Source) -> str:
    correlation = correlation_of(rule)

    def rows(name: str) -> str:
        if is_correlation(name, rules):
            inner = rules[name]
            return window_rows.nested(correlation, inner, _anchors(inner, rules, source))
        fields = window_rows.fields_at(correlation, name)
        return window_rows.plain(correlation, name, source(name, fields))

    parts = [rows(name) for name in distinct(correlation)]
    apart = not _may_repeat(rule, rules)
    return measured(correlation, window_rows.together(correlation, parts, apart=apart))


def _may_repeat(rule: Rule, rules: Mapping[str, Rule]) -> bool:
    """Whether an event may come to a correlation in several ways."""
    names = distinct(correlation_of(rule))
    return len(names) > 1 or any(
        is_correlation(name, rules) and _may_repeat(rules[name], rules) for name in names
    )
