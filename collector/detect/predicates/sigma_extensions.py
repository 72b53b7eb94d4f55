"""Modifiers that Sigma has no words for, or pySigma does not know, as its parser takes them.

`weekday` reads the day of the week from a time, 1 (Monday) to 7. `fieldref|gt` and the like compare
a field with another one by size. `app_name|pair: [app_networks, source_ip]` asks whether two fields
are a pair of a list. `utf16le` is Sigma's own name for what `wide` is short for.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import ClassVar, cast

from sigma import modifiers
from sigma.types import (
    CompareOperators,
    NoPlainConversionMixin,
    SigmaCompareExpression,
    SigmaFieldReference,
    SigmaNumber,
    SigmaTimestampPart,
    SigmaType,
    TimestampPart,
)

WEEKDAY = "weekday"
PAIR = "pair"
UTF16LE = "utf16le"
COMPARISONS = frozenset({"gt", "gte", "lt", "lte"})


class DayPart(Enum):
    """Parts of a time that pySigma does not know."""

    WEEKDAY = auto()


@dataclass
class FieldComparison(NoPlainConversionMixin, SigmaType):
    """A field that another one is greater or less than."""

    field: str
    op: CompareOperators


@dataclass
class ListPair(NoPlainConversionMixin, SigmaType):
    """A list of pairs, and the field that is the other one of a pair."""

    list_name: str
    field: str


class _PairModifier(modifiers.SigmaListModifier[list[SigmaType], ListPair]):
    def modify(self, val: list[SigmaType]) -> ListPair:
        list_name, field = map(str, val)
        return ListPair(list_name=list_name, field=field)


class _WeekdayModifier(modifiers.SigmaTimestampModifier):
    def modify(self, val: SigmaNumber) -> SigmaTimestampPart:
        return SigmaTimestampPart(cast("TimestampPart", DayPart.WEEKDAY), int(val.number))


class _ComparisonModifier(
    modifiers.SigmaValueModifier[
        SigmaNumber | SigmaFieldReference, SigmaCompareExpression | FieldComparison
    ]
):
    """pySigma's, which takes numbers, for references to fields as well."""

    op: ClassVar[CompareOperators]

    def modify(
        self, val: SigmaNumber | SigmaFieldReference
    ) -> SigmaCompareExpression | FieldComparison:
        if isinstance(val, SigmaFieldReference):
            return FieldComparison(field=val.field, op=self.op)
        return SigmaCompareExpression(val, self.op, self.source)


class _LessThanModifier(_ComparisonModifier):
    op = CompareOperators.LT


class _LessOrEqualModifier(_ComparisonModifier):
    op = CompareOperators.LTE


class _GreaterThanModifier(_ComparisonModifier):
    op = CompareOperators.GT


class _GreaterOrEqualModifier(_ComparisonModifier):
    op = CompareOperators.GTE


modifiers.modifier_mapping.update(
    {
        PAIR: _PairModifier,
        WEEKDAY: _WeekdayModifier,
        UTF16LE: modifiers.SigmaWideModifier,
        "lt": _LessThanModifier,
        "lte": _LessOrEqualModifier,
        "gt": _GreaterThanModifier,
        "gte": _GreaterOrEqualModifier,
    }
)
