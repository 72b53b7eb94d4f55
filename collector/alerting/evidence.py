"""The events that an alert shows, as JSON values of a bounded size."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from collector.model import Match

EVIDENCE_LIMIT = 10
"""Events that an alert keeps; its count tells of all."""

_TEXT_LIMIT = 2_000
_NOISE = frozenset({"source_ip_key", "batch", "source"})


def evidence(match: Match) -> Mapping[str, Any]:
    """The event behind a match: values that are null or say nothing to a person are left out."""
    return {
        name: _value(value)
        for name, value in match.event.items()
        if value is not None and name not in _NOISE
    }


def _value(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, str) and len(value) > _TEXT_LIMIT:
        return f"{value[:_TEXT_LIMIT]}… ({len(value):,} characters)"
    if isinstance(value, (str, int, float, bool)):
        return value
    return str(value)
