"""Entries of lists that have expired: they still tell, one level lower than the others.

A rule whose cases ask whether an entry has expired decides by itself; and what has expired excuses
nothing: under `not`, it does not count.
"""

from __future__ import annotations

from dataclasses import replace

from collector.detect.language.collector_block import CollectorBlock
from collector.detect.language.list_conditions import ListCondition
from collector.detect.predicates.field_columns import FieldColumns
from collector.model import Rule


def count_expired(columns: FieldColumns) -> FieldColumns:
    """The columns of a rule that tells of expired entries, too."""
    return replace(columns, outliving_lists=columns.lists.names)


def count_unexpired(columns: FieldColumns, block: CollectorBlock) -> FieldColumns:
    """The same without them, but for the lists of which the rule's own cases decide."""
    return replace(columns, outliving_lists=frozenset(_list_decided(block)))


def has_expiring_entries(columns: FieldColumns) -> bool:
    """Whether any of the lists that were used has an entry that expires."""
    return any(
        entry.expires is not None
        for name in columns.accessed_lists
        for entry in columns.lists[name].entries
    )


def lower_expired(rule: Rule, unexpired: Rule) -> Rule:
    """The rule with what tells apart the events that are one level lower.

    `unexpired` is the rule as it is without expired entries.
    """
    pairs = zip(rule.severity_cases, unexpired.severity_cases, strict=True)
    if rule.predicate == unexpired.predicate and all(one == other for one, other in pairs):
        return rule
    cases = tuple(
        replace(case, unexpired=other.predicate)
        for case, other in zip(rule.severity_cases, unexpired.severity_cases, strict=True)
    )
    return replace(
        rule,
        unexpired=unexpired.predicate,
        severity_cases=cases,
        severity_steps=unexpired.severity_steps,
    )


def _list_decided(block: CollectorBlock) -> list[str]:
    conditions = [each.when for each in block.severity if isinstance(each.when, ListCondition)]
    return [each.name for each in conditions if each.expired is not None]
