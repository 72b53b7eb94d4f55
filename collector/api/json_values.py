"""The public JSON of every answer: plain values, each in one form."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import TypeAlias

from collector.model import Severity

JsonValue: TypeAlias = "str | int | float | list[JsonValue] | JsonObject | None"
JsonObject: TypeAlias = dict[str, JsonValue]


def to_json_object(values: Mapping[str, object]) -> JsonObject:
    """The same names in the same order, with every value as JSON has it."""
    return {name: to_json_value(value) for name, value in values.items()}


def to_json_value(value: object) -> JsonValue:
    """A value as JSON has it: severities by name, times as ISO 8601 in UTC, NaN as null."""
    if isinstance(value, Mapping):
        return {str(to_json_value(key)): to_json_value(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [to_json_value(each) for each in value]
    if isinstance(value, float | Decimal):
        return float(value) if math.isfinite(value) else None
    if value is None or (isinstance(value, str | int) and not isinstance(value, Severity)):
        return value
    return _format_scalar(value)


def _format_scalar(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, date | time):
        return value.isoformat()
    return value.hex() if isinstance(value, bytes) else str(value)
