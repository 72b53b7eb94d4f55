"""Problems of temporal correlations: how many of their rules they ask for, and may have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from collector.detect.correlation_sql.rule_overlaps import MAX_OVERLAPPING_RULES, join_by_types
from collector.detect.language.correlation_block import (
    CORRELATION_KEY,
    CorrelationBlock,
    CorrelationCondition,
)
from collector.detect.language.yaml_document import YamlDocument
from collector.errors import Problem


def find_needed_rules(condition: CorrelationCondition | None, rules: int) -> int | None:
    """How many of so many rules a temporal correlation asks for; None where that cannot be said."""
    if condition is None or condition.limits in ({"gte": rules}, {"eq": rules}):
        return rules
    (operator, limit), *_ = condition.limits.items()
    needed = int(limit) + 1 if operator == "gt" else int(limit)
    is_possible = operator in {"gt", "gte"} and limit == int(limit) and 1 <= needed <= rules
    return needed if is_possible else None


def find_needed_problems(
    document: YamlDocument, mapping: CorrelationBlock, condition: CorrelationCondition
) -> Iterator[Problem]:
    """Problems of the condition, which has one limit."""
    count = len(set(mapping.rules))
    needed = find_needed_rules(condition, count)
    place = (CORRELATION_KEY, "condition")
    if needed is None:
        message = f"{mapping.type} counts rules: write {{gte: N}} with N from 1 to {count}"
        yield document.build_problem(place, message)
    elif needed < count and mapping.type == "temporal_ordered":
        message = (
            "temporal_ordered asks for every rule, in order; leave the condition out,"
            " or take temporal for some of them in any order"
        )
        yield document.build_problem(place, message)


def find_overlap_problems(
    document: YamlDocument, event_types: Sequence[frozenset[str]]
) -> Iterator[Problem]:
    """A problem of too many rules that one event may match, given the types of each."""
    largest = max((len(group) for group in join_by_types(event_types)), default=0)
    if largest > MAX_OVERLAPPING_RULES:
        message = (
            f"{largest} of these rules look at the same event types; a temporal correlation, which"
            f" needs another event for each, can have {MAX_OVERLAPPING_RULES} of such"
        )
        yield document.build_problem((CORRELATION_KEY, "rules"), message)
