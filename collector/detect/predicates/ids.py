"""Salesforce ids: 15 characters that mind case, and often three more that only repeat their case.

Two ids are one where their first 15 characters are.
"""

from __future__ import annotations

import re

LENGTHS = (15, 18)
KEPT = 15

_COLUMNS = frozenset({"user_id", "app_id", "job_id", "request_id"})
_NATIVE = re.compile(r"(?:_ID|_ID_DERIVED|Id)$")
_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")


def is_id(column: str) -> bool:
    """Whether a column of that name holds ids, which are compared as they are written."""
    return column in _COLUMNS or _NATIVE.search(column) is not None


def short(text: str) -> str | None:
    """The 15 characters that an id is known by; None for text that is no whole id."""
    return text[:KEPT] if _ID.fullmatch(text) else None


def are_same(event: str, wanted: str) -> bool:
    """Whether an event's id is the wanted one, in either form."""
    known = short(wanted)
    if known is None:
        return event == wanted
    return len(event) in LENGTHS and event[:KEPT] == known
