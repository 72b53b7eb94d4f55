"""What a condition can come to on events of a type, known before there is any event.

Sure of a "never" and of an "always"; whatever depends on the event may be either.
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

from collector.detect.predicates.literals import is_plain
from collector.detect.predicates.sql import KEYWORD_FIELDS, Condition

Outcomes: TypeAlias = frozenset[bool]

NEVER: Outcomes = frozenset({False})
ALWAYS: Outcomes = frozenset({True})
MAYBE: Outcomes = frozenset({True, False})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What is known of the events of one type.

    Attributes:
        event_type: the type.
        has: whether a field can have a value there.
    """

    event_type: str
    has: Callable[[str], bool]


def outcomes(condition: Condition, sight: Sight) -> Outcomes:
    """All that a postprocessed condition can be on such events; a missing value is NULL."""
    match condition:
        case ConditionAND(args=args):
            return _and([outcomes(each, sight) for each in args])
        case ConditionOR(args=args):
            return _or([outcomes(each, sight) for each in args])
        case ConditionNOT(args=[negated]):
            return _not(outcomes(negated, sight))
        case ConditionFieldEqualsValueExpression():
            return _field(condition.field, condition.value, sight)
        case ConditionValueExpression():
            return MAYBE if any(map(sight.has, KEYWORD_FIELDS)) else NEVER
    return MAYBE


def wanted(
    condition: Condition, *, is_wanted: bool = True
) -> Iterator[ConditionFieldEqualsValueExpression]:
    """The comparisons that have to hold for the condition to hold, not those that must not."""
    match condition:
        case ConditionNOT(args=[negated]):
            yield from wanted(negated, is_wanted=not is_wanted)
        case ConditionAND(args=args) | ConditionOR(args=args):
            for each in args:
                yield from wanted(each, is_wanted=is_wanted)
        case ConditionFieldEqualsValueExpression() if is_wanted:
            yield condition


def _and(parts: list[Outcomes]) -> Outcomes:
    if NEVER in parts:
        return NEVER
    return ALWAYS if all(part == ALWAYS for part in parts) else MAYBE


def _or(parts: list[Outcomes]) -> Outcomes:
    return _not(_and([_not(part) for part in parts]))


def _not(outcome: Outcomes) -> Outcomes:
    return frozenset(not each for each in outcome)


def _field(name: str, value: SigmaType, sight: Sight) -> Outcomes:
    if isinstance(value, SigmaExpansion):
        return _or([_field(name, each, sight) for each in value.values])
    if isinstance(value, SigmaFieldReference) and not sight.has(value.field):
        return NEVER
    if name == "event_type" and isinstance(value, SigmaString) and is_plain(value):
        return ALWAYS if str(value).lower() == sight.event_type.lower() else NEVER
    return MAYBE if sight.has(name) else _of_null(value)


def _of_null(value: SigmaType) -> Outcomes:
    """What a comparison with a field without a value comes to."""
    match value:
        case SigmaNull():
            return ALWAYS
        case SigmaExists():
            return NEVER if value.exists else ALWAYS
        case SigmaString() if value.s in ((), [], ("",), [""]):
            return ALWAYS
    return NEVER
