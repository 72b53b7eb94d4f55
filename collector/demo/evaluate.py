"""A SOQL condition as a function of a record, with Salesforce's ideas of type, case and null."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from collector.demo.objects import Field
from collector.demo.refusal import ApiError
from collector.demo.soql import Comparison, Condition, Junction, Negation
from collector.demo.soql_tokens import DateWord, Literal

Row = Mapping[str, Any]
Predicate = Callable[[Row], bool]
_ID_TYPES = ("id", "reference")
_NUMBERS = ("double", "int")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A field and how to read it from a record of the object that is queried."""

    field: Field
    get: Callable[[Row], Any]


def predicate(condition: Condition, column: Callable[[str], Column], now: datetime) -> Predicate:
    """Whether a record fits. Raises ApiError where a value does not suit its field."""
    match condition:
        case Comparison():
            return _comparison(condition, column(condition.path), now)
        case Negation(part=part):
            inner = predicate(part, column, now)
            return lambda row: not inner(row)
        case Junction(word=word, parts=parts):
            inners = [predicate(part, column, now) for part in parts]
            if word == "AND":
                return lambda row: all(inner(row) for inner in inners)
            return lambda row: any(inner(row) for inner in inners)


def _comparison(comparison: Comparison, column: Column, now: datetime) -> Predicate:
    field, get, value = column.field, column.get, comparison.value
    if not field.filterable:
        raise ApiError("INVALID_FIELD", f"field '{field.name}' can not be filtered in a query call")
    for one in value if isinstance(value, tuple) else (value,):
        _check(comparison.operator, field, one)
    match comparison.operator, value:
        case "LIKE", str():
            return _like(get, value)
        case ("IN" | "NOT IN") as word, tuple():
            choices = [_equal(field, get, one, now) for one in value]
            wanted = word == "IN"
            return lambda row: any(choice(row) for choice in choices) is wanted
        case "=", _:
            return _equal(field, get, value, now)
        case "!=", _:
            equal = _equal(field, get, value, now)
            return lambda row: not equal(row)
    return _ordered(comparison, column, now)


# ---- what a value may be


def _check(word: str, field: Field, value: Literal) -> None:
    if value is None and word in ("=", "!=", "IN", "NOT IN"):
        return
    if not _suits(field.type, value):
        raise ApiError(
            "INVALID_FIELD",
            f"value of filter criterion for field '{field.name}' must be of type {field.type}",
        )
    if field.type in _ID_TYPES and len(str(value)) not in (15, 18):
        raise ApiError("INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {value}")
    if (word == "LIKE" and field.type not in ("string", "url", "picklist")) or (
        word in _COMPARE and field.type == "boolean"
    ):
        raise ApiError("INVALID_QUERY_FILTER_OPERATOR", f"invalid operator on {field.type} field")


def _suits(type_: str, value: Literal) -> bool:
    if type_ == "datetime":
        return isinstance(value, datetime | DateWord)
    if type_ == "boolean":
        return isinstance(value, bool)
    if type_ in _NUMBERS:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, str)


# ---- comparing


def _key(field: Field, value: Any) -> Any:
    """What two values of a field are compared by: ids by 15 characters, text without case."""
    if not isinstance(value, str):
        return value
    return value[:15] if field.type in _ID_TYPES else value.casefold()


def _equal(field: Field, get: Callable[[Row], Any], value: Any, now: datetime) -> Predicate:
    if isinstance(value, DateWord):
        start, end = span(value, now)
        return lambda row: (have := get(row)) is not None and start <= have < end
    wanted = _key(field, value)
    return lambda row: _key(field, get(row)) == wanted


def _ordered(comparison: Comparison, column: Column, now: datetime) -> Predicate:
    field, get = column.field, column.get
    compare = _COMPARE[comparison.operator]
    value = comparison.value
    if isinstance(value, DateWord):
        start, end = span(value, now)
        before_end = comparison.operator in (">", "<=")
        compare = operator.ge if comparison.operator in (">", ">=") else operator.lt
        value = end if before_end else start
    wanted = _key(field, value)
    return lambda row: (have := get(row)) is not None and compare(_key(field, have), wanted)


def _like(get: Callable[[Row], Any], pattern: str) -> Predicate:
    parts = re.findall(r"\\[_%]|.", pattern, re.DOTALL)
    wild = {"%": ".*", "_": "."}
    text = "".join(wild.get(part) or re.escape(part[-1]) for part in parts)
    regex = re.compile(text, re.IGNORECASE | re.DOTALL)
    return lambda row: (have := get(row)) is not None and regex.fullmatch(have) is not None


# ---- spans of time


def span(word: DateWord, now: datetime) -> tuple[datetime, datetime]:
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
