"""The groups of a correlation that a batch has events of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from collector import normalize
from collector.detect import correlation_sql
from collector.detect.member_sql import is_remembering
from collector.escaping import quote_identifier
from collector.evaluation.batch_scan import ScannedEvents, name_flag_column
from collector.model import Correlation, Rule


def select_groups(
    rule: Rule, rules: Mapping[str, Rule], leaves: Sequence[str], scanned: Iterable[ScannedEvents]
) -> str:
    """SQL: the time and the groups (`g0`, `g1`, …) of events that a correlation's leaves select."""
    return " UNION ALL ".join(
        f"SELECT {', '.join(['time', *_render_groups(rule, rules, leaf, each.event_type)])}"
        f" FROM {each.table} WHERE {name_flag_column(leaf)}"
        for each in scanned
        for leaf in leaves
        if leaf in each.selecting_rules
    )


def has_independent_groups(rule: Rule, rules: Mapping[str, Rule]) -> bool:
    """Whether the groups that a batch touches can be evaluated without the others."""
    correlation = rule.aggregation
    if not isinstance(correlation, Correlation) or not correlation.group_by:
        return False
    leaves = correlation_sql.list_leaves(rule, rules)
    if correlation_sql.has_list_group(correlation) or any(
        is_remembering(rules[leaf]) for leaf in leaves
    ):
        return False
    if correlation_sql.has_link(rule, rules):
        return False
    return correlation.is_monotonic and all(
        name for leaf in leaves for name in correlation_sql.list_group_fields(rule, rules, leaf)
    )


def render_as_text(field: str, event_type: str) -> str:
    """SQL: a field of events of a type, as text."""
    return f"CAST({quote_identifier(normalize.find_physical_column(field, event_type))} AS VARCHAR)"


def _render_groups(rule: Rule, rules: Mapping[str, Rule], leaf: str, event_type: str) -> list[str]:
    fields = correlation_sql.list_group_fields(rule, rules, leaf)
    return [
        f"{render_as_text(field, event_type) if field else 'NULL'} AS g{place}"
        for place, field in enumerate(fields)
    ]
