"""The dedup key, whose values make matches of a rule one episode."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from collector.model import Event, Rule
from collector.stable_ids import hash_text

MAX_VALUE_LENGTH = 200
"""Longer values (queries, agents) are shortened to their beginning and a hash of the whole."""


def build_dedup_key(rule: Rule, event: Event) -> tuple[str, ...]:
    """The values of the rule's dedup key in an event, empty text for those that it lacks.

    Where it lacks all, those of the fallback key; where it lacks these too, its own uid, so that
    events with nothing in common never become one. Without a key, the tuple is empty.
    """
    if not rule.dedup_key:
        return ()
    for fields in (rule.dedup_key, rule.dedup_fallback):
        values = tuple(_render_value(event.get(field)) for field in fields)
        if any(values):
            return values
    return (_render_value(event["event_uid"]),)


def _render_value(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    text = str(value)
    if len(text) <= MAX_VALUE_LENGTH:
        return text
    return f"{text[: MAX_VALUE_LENGTH - 33]}~{hash_text(text)}"
