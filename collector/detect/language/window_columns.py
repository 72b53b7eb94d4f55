"""The computed columns of windows of several events, which rules may name like fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from collector.detect.predicates.field_columns import TEXT_TYPE, TIME_TYPE
from collector.model import Baseline, Correlation, MemberCondition, Rule

CORRELATION_COLUMNS: Mapping[str, str] = {"metric": "DOUBLE", "event_count": "BIGINT"}
"""Numbers that cases, steps and titles of a correlation may name, with their DuckDB types."""

BASELINE_COLUMNS: Mapping[str, str] = {
    **CORRELATION_COLUMNS,
    "mean": "DOUBLE",
    "times_mean": "DOUBLE",
    "deviations": "DOUBLE",
    "history": "BIGINT",
}
"""The same of a baseline; `history` is the number of past windows, `times_mean` what part of their
mean the metric is."""

WINDOW_BOUNDS: Mapping[str, str] = {"window_start": TIME_TYPE, "window_end": TIME_TYPE}
"""The columns that only titles may name."""

_ROW_COLUMNS = {"event_uid", "event_type", "time", "received", "severity", "complete", "fires"}
RESERVED_COLUMNS = frozenset({*BASELINE_COLUMNS, *WINDOW_BOUNDS, *_ROW_COLUMNS})
"""Names that no group can have, since the rows of windows have columns of these names."""


def add_group_columns(numbers: Mapping[str, str], groups: Iterable[str]) -> dict[str, str]:
    """Numbers, and the columns that tell groups apart, which are text whatever their fields are."""
    return {**dict.fromkeys(groups, TEXT_TYPE), **numbers}


def list_window_columns(rule: Rule) -> dict[str, str]:
    """The columns that cases and steps of a rule over windows read, with their DuckDB types.

    The rule is one of `RuleSet.rules`. Empty for a rule over single events.
    """
    match rule.aggregation:
        case Correlation(group_by=groups, member_conditions=conditions):
            answers = [MemberCondition.name_answer(place) for place in range(len(conditions))]
            numbers = {**CORRELATION_COLUMNS, **dict.fromkeys(answers, "INTEGER")}
            return add_group_columns(numbers, groups)
        case Baseline(group_by=groups):
            return add_group_columns(BASELINE_COLUMNS, groups)
    return {}
