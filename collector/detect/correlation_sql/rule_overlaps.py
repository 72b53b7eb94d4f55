"""Which rules of a correlation may match one event, which then has to be counted for one alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from collector.detect.correlation_sql.absence import drop_absent
from collector.detect.correlation_sql.frames import name_flag_column
from collector.detect.correlation_sql.input_rows import is_correlation, list_distinct_members
from collector.escaping import quote_identifier
from collector.model import Correlation, Rule

RuleGroup = tuple[int, ...]
"""Places of rules in `list_distinct_members`."""

MAX_OVERLAPPING_RULES = 8
"""So many rules of a temporal correlation may look at the same type: each subset is counted."""


def group_overlapping_rules(
    correlation: Correlation, rules: Mapping[str, Rule]
) -> tuple[RuleGroup, ...]:
    """The rules that are to match, in groups that have no event type in common.

    No event matches rules of two.
    """
    types = [_list_types(name, rules) for name in list_distinct_members(drop_absent(correlation))]
    return join_by_types(types)


def join_by_types(types: Sequence[frozenset[str]]) -> tuple[RuleGroup, ...]:
    """Places of sets of event types, in groups that have none in common; an empty set is all."""
    groups: list[tuple[frozenset[str], RuleGroup]] = []
    for place, found in enumerate(types):
        joined = [each for each in groups if not found or not each[0] or found & each[0]]
        groups = [each for each in groups if each not in joined]
        is_open = not found or any(not each for each, _ in joined)
        union = frozenset() if is_open else found.union(*(each for each, _ in joined))
        places = sorted([place, *(each for _, group in joined for each in group)])
        groups.append((union, tuple(places)))
    return tuple(sorted(group for _, group in groups))


def list_subsets(group: RuleGroup) -> Iterator[RuleGroup]:
    """The subsets of two rules and more."""
    for size in range(2, len(group) + 1):
        yield from combinations(group, size)


def name_subset_column(subset: RuleGroup) -> str:
    """The column with the number of events that match any of these rules."""
    return quote_identifier(f"#any{'_'.join(map(str, subset))}")


def render_subset_count(subset: RuleGroup, window: str) -> str:
    """SQL: that number in a window, as its column."""
    flags = ", ".join(map(name_flag_column, subset))
    return f"sum(GREATEST({flags})) {window} AS {name_subset_column(subset)}"


def _list_types(name: str, rules: Mapping[str, Rule]) -> frozenset[str]:
    """The event types of a rule or of those below it; empty for every type."""
    if not is_correlation(name, rules):
        return frozenset(rules[name].event_types)
    parts = [_list_types(each, rules) for each in rules[name].correlated_rules]
    return frozenset().union(*parts) if all(parts) else frozenset()
