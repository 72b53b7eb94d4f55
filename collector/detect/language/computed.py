"""What is computed of a window of several events, and may be named as if it were a field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from collector.detect.predicates.columns import TEXT, TIME
from collector.model import Baseline, Correlation, Rule

OF_CORRELATION: Mapping[str, str] = {"metric": "DOUBLE", "event_count": "BIGINT"}
"""Numbers that cases, steps and titles of a correlation may name, with their DuckDB types."""

OF_BASELINE: Mapping[str, str] = {
    **OF_CORRELATION,
    "mean": "DOUBLE",
    "deviations": "DOUBLE",
    "history": "BIGINT",
}
"""The same of a baseline; `history` is how many windows of the past there are."""

MOMENTS: Mapping[str, str] = {"window_start": TIME, "window_end": TIME}
"""What only titles may name."""

_OF_ROWS = {"event_uid", "event_type", "time", "received", "severity", "complete", "fires"}
RESERVED = frozenset({*OF_BASELINE, *MOMENTS, *_OF_ROWS})
"""What no group can be called, since the rows of windows have columns of these names."""


def with_groups(numbers: Mapping[str, str], groups: Iterable[str]) -> dict[str, str]:
    """Numbers, and the columns that tell groups apart, which are text whatever their fields are."""
    return {**dict.fromkeys(groups, TEXT), **numbers}


def columns(rule: Rule) -> dict[str, str]:
    """The columns that cases and steps of a rule over windows read, with their DuckDB types.

    The rule is one of `RuleSet.rules`: variants call the groups of a baseline as it does.

    None of a rule that tells of single events: those read `Rule.fields`.
    """
    match rule.over:
        case Correlation(group_by=groups):
            return with_groups(OF_CORRELATION, groups)
        case Baseline(group_by=groups):
            return with_groups(OF_BASELINE, groups)
    return {}
