"""The possible outcomes of a condition on events of a type, before there is any event.

NEVER and ALWAYS are certain; whatever depends on the event is MAYBE.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.types import (
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaString,
    SigmaType,
)

from collector.detect.predicates.condition_sql import ConditionNode
from collector.detect.predicates.sql_literals import is_plain_text
from collector.model.event_columns import KEYWORD_COLUMNS

OutcomeSet: TypeAlias = frozenset[bool]

NEVER: OutcomeSet = frozenset({False})
ALWAYS: OutcomeSet = frozenset({True})
MAYBE: OutcomeSet = frozenset({True, False})


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTypeFacts:
    """The facts about events of one type.

    Attributes:
        event_type: the type.
        has_field: whether a field can have a value there.
    """

    event_type: str
    has_field: Callable[[str], bool]


def compute_outcomes(condition: ConditionNode, type_facts: EventTypeFacts) -> OutcomeSet:
    """The possible outcomes of a postprocessed condition; a missing value is NULL."""
    match condition:
        case ConditionAND(args=args):
            return _combine_and([compute_outcomes(each, type_facts) for each in args])
        case ConditionOR(args=args):
            return _combine_or([compute_outcomes(each, type_facts) for each in args])
        case ConditionNOT(args=[negated]):
            return _negate_outcomes(compute_outcomes(negated, type_facts))
        case ConditionFieldEqualsValueExpression():
            return _compute_field_outcomes(condition.field, condition.value, type_facts)
        case ConditionValueExpression():
            return MAYBE if any(map(type_facts.has_field, KEYWORD_COLUMNS)) else NEVER
    return MAYBE


def list_required_comparisons(
    condition: ConditionNode, *, is_required: bool = True
) -> Iterator[ConditionFieldEqualsValueExpression]:
    """The comparisons that have to hold for the condition to hold, not those that must not."""
    match condition:
        case ConditionNOT(args=[negated]):
            yield from list_required_comparisons(negated, is_required=not is_required)
        case ConditionAND(args=args) | ConditionOR(args=args):
            for each in args:
                yield from list_required_comparisons(each, is_required=is_required)
        case ConditionFieldEqualsValueExpression() if is_required:
            yield condition


def _combine_and(parts: list[OutcomeSet]) -> OutcomeSet:
    if NEVER in parts:
        return NEVER
    return ALWAYS if all(part == ALWAYS for part in parts) else MAYBE


def _combine_or(parts: list[OutcomeSet]) -> OutcomeSet:
    return _negate_outcomes(_combine_and([_negate_outcomes(part) for part in parts]))


def _negate_outcomes(outcome: OutcomeSet) -> OutcomeSet:
    return frozenset(not each for each in outcome)


def _compute_field_outcomes(name: str, value: SigmaType, type_facts: EventTypeFacts) -> OutcomeSet:
    if isinstance(value, SigmaExpansion):
        return _combine_or(
            [_compute_field_outcomes(name, each, type_facts) for each in value.values]
        )
    if isinstance(value, SigmaFieldReference) and not type_facts.has_field(value.field):
        return NEVER
    if name == "event_type" and isinstance(value, SigmaString) and is_plain_text(value):
        return ALWAYS if str(value).lower() == type_facts.event_type.lower() else NEVER
    return MAYBE if type_facts.has_field(name) else _compute_null_outcomes(value)


def _compute_null_outcomes(value: SigmaType) -> OutcomeSet:
    """The outcomes of a comparison with a field without a value."""
    match value:
        case SigmaNull():
            return ALWAYS
        case SigmaExists():
            return NEVER if value.exists else ALWAYS
        case SigmaString() if value.s in ((), [], ("",), [""]):
            return ALWAYS
    return NEVER
