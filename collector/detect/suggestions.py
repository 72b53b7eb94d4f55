"""The name that was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MAX_LISTED_NAMES = 8


def suggest_name(name: str, known: Iterable[str]) -> str:
    """What to add to "unknown …": the nearest known name, or all of them where they are few."""
    names = sorted(known)
    if alike := [other for other in names if other.lower() == name.lower()]:
        return f", did you mean {alike[0]!r}?"
    if close := difflib.get_close_matches(name[:100], names, n=1):
        return f", did you mean {close[0]!r}?"
    return f"; known are {', '.join(names)}" if 0 < len(names) <= MAX_LISTED_NAMES else ""
