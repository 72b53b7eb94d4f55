"""A SOQL condition as a function of a record, with Salesforce's ideas of type, case and null."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from collector.demo.api_errors import ApiError
from collector.demo.sobjects import SObjectField
from collector.demo.soql_parser import Junction, Negation, SoqlComparison, SoqlCondition
from collector.demo.soql_tokens import DateLiteral, SoqlLiteral

SObjectRow = Mapping[str, Any]
RowPredicate = Callable[[SObjectRow], bool]
_ID_TYPES = ("id", "reference")
_NUMBERS = ("double", "int")
_COMPARATORS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SoqlColumn:
    """A field and how to read it from a record of the object that is queried."""

    field: SObjectField
    read_value: Callable[[SObjectRow], Any]


def build_predicate(
    condition: SoqlCondition, find_column: Callable[[str], SoqlColumn], now: datetime
) -> RowPredicate:
    """Whether a record fits. Raises ApiError where a value does not suit its field."""
    match condition:
        case SoqlComparison():
            return _build_comparison(condition, find_column(condition.path), now)
        case Negation(part=part):
            inner = build_predicate(part, find_column, now)
            return lambda row: not inner(row)
        case Junction(word=word, parts=parts):
            inners = [build_predicate(part, find_column, now) for part in parts]
            if word == "AND":
                return lambda row: all(inner(row) for inner in inners)
            return lambda row: any(inner(row) for inner in inners)


def _build_comparison(
    comparison: SoqlComparison, column: SoqlColumn, now: datetime
) -> RowPredicate:
    field, get, value = column.field, column.read_value, comparison.value
    if not field.filterable:
        raise ApiError("INVALID_FIELD", f"field '{field.name}' can not be filtered in a query call")
    for literal in value if isinstance(value, tuple) else (value,):
        _check_value(comparison.operator, field, literal)
    match comparison.operator, value:
        case "LIKE", str():
            return _build_like(get, value)
        case ("IN" | "NOT IN") as word, tuple():
            choices = [_build_equality(field, get, literal, now) for literal in value]
            is_member = word == "IN"
            return lambda row: any(choice(row) for choice in choices) is is_member
        case "=", _:
            return _build_equality(field, get, value, now)
        case "!=", _:
            equal = _build_equality(field, get, value, now)
            return lambda row: not equal(row)
    return _build_ordering(comparison, column, now)


# ---- checking values


def _check_value(word: str, field: SObjectField, value: SoqlLiteral) -> None:
    if value is None and word in ("=", "!=", "IN", "NOT IN"):
        return
    if not _is_suitable(field.type, value):
        raise ApiError(
            "INVALID_FIELD",
            f"value of filter criterion for field '{field.name}' must be of type {field.type}",
        )
    if field.type in _ID_TYPES and len(str(value)) not in (15, 18):
        raise ApiError("INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {value}")
    if (word == "LIKE" and field.type not in ("string", "url", "picklist")) or (
        word in _COMPARATORS and field.type == "boolean"
    ):
        raise ApiError("INVALID_QUERY_FILTER_OPERATOR", f"invalid operator on {field.type} field")


def _is_suitable(type_: str, value: SoqlLiteral) -> bool:
    if type_ == "datetime":
        return isinstance(value, datetime | DateLiteral)
    if type_ == "boolean":
        return isinstance(value, bool)
    if type_ in _NUMBERS:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, str)


# ---- comparing


def _to_comparison_key(field: SObjectField, value: Any) -> Any:
    """A value as it is compared: ids by 15 characters, text without case."""
    if not isinstance(value, str):
        return value
    return value[:15] if field.type in _ID_TYPES else value.casefold()


def _build_equality(
    field: SObjectField, get: Callable[[SObjectRow], Any], value: Any, now: datetime
) -> RowPredicate:
    if isinstance(value, DateLiteral):
        start, end = compute_span(value, now)
        return lambda row: (actual := get(row)) is not None and start <= actual < end
    expected = _to_comparison_key(field, value)
    return lambda row: _to_comparison_key(field, get(row)) == expected


def _build_ordering(comparison: SoqlComparison, column: SoqlColumn, now: datetime) -> RowPredicate:
    field, get = column.field, column.read_value
    compare = _COMPARATORS[comparison.operator]
    value = comparison.value
    if isinstance(value, DateLiteral):
        start, end = compute_span(value, now)
        before_end = comparison.operator in (">", "<=")
        compare = operator.ge if comparison.operator in (">", ">=") else operator.lt
        value = end if before_end else start
    expected = _to_comparison_key(field, value)
    return lambda row: (
        (actual := get(row)) is not None and compare(_to_comparison_key(field, actual), expected)
    )


def _build_like(get: Callable[[SObjectRow], Any], pattern: str) -> RowPredicate:
    parts = re.findall(r"\\[_%]|.", pattern, re.DOTALL)
    wild = {"%": ".*", "_": "."}
    text = "".join(wild.get(part) or re.escape(part[-1]) for part in parts)
    regex = re.compile(text, re.IGNORECASE | re.DOTALL)
    return lambda row: (actual := get(row)) is not None and regex.fullmatch(actual) is not None


# ---- spans of time


def compute_span(word: DateLiteral, now: datetime) -> tuple[datetime, datetime]:
    """The half-open span of a date word, in UTC."""
    today = datetime.combine(now.date(), time(), now.tzinfo)
    day = timedelta(days=1)
    count = word.count * day
    week = today - today.isoweekday() % 7 * day
    month = today.replace(day=1)
    next_month = (month + 31 * day).replace(day=1)
    spans = {
        "TODAY": (today, today + day),
        "YESTERDAY": (today - day, today),
        "TOMORROW": (today + day, today + 2 * day),
        "THIS_WEEK": (week, week + 7 * day),
        "LAST_WEEK": (week - 7 * day, week),
        "THIS_MONTH": (month, next_month),
        "LAST_MONTH": ((month - day).replace(day=1), month),
        "LAST_90_DAYS": (today - 90 * day, today + day),
        "LAST_N_DAYS": (today - count, today + day),
        "NEXT_N_DAYS": (today + day, today + day + count),
        "N_DAYS_AGO": (today - count, today - count + day),
    }
    return spans[word.name]
