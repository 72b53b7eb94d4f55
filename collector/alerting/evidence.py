"""What an alert shows of matches, as JSON values of a bounded size."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

from collector.model.event_columns import HIDDEN_COLUMNS

EVIDENCE_LIMIT = 10
"""Events that an alert keeps; its count is of all."""

CONTEXT_LIMIT = 10

_TEXT_LIMIT = 2_000
# What was cut is a little longer than the limit, and is not to be cut again.
_CUT_LIMIT = _TEXT_LIMIT + 50
_ITEM_LIMIT = 100
_DEPTH_LIMIT = 4


def to_evidence(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """An event as JSON values, without those that are null or say nothing to a person.

    What has been made evidence stays as it is.
    """
    return {
        name: _bound_value(value)
        for name, value in event.items()
        if value is not None and name not in HIDDEN_COLUMNS
    }


def to_context(entries: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Context entries as JSON values. What has been made context stays as it is."""
    return [_bound_nested(entry, _DEPTH_LIMIT) for entry in islice(entries, CONTEXT_LIMIT)]


def _bound_nested(value: Any, depth: int) -> Any:
    if value is None:
        return None
    if isinstance(value, Mapping) and depth:
        items = islice(value.items(), _ITEM_LIMIT)
        return {str(name): _bound_nested(inner, depth - 1) for name, inner in items}
    if isinstance(value, (list, tuple)) and depth:
        return [_bound_nested(inner, depth - 1) for inner in value[:_ITEM_LIMIT]]
    return _bound_value(value)


def _bound_value(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, str) and len(value) > _CUT_LIMIT:
        return f"{value[:_TEXT_LIMIT]}… ({len(value):,} characters)"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no word for it
    if isinstance(value, (str, int, float, bool)):
        return value
    return str(value)
