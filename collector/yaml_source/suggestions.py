"""The known name that was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MAX_LISTED_NAMES = 8
_MAX_COMPARED_LENGTH = 100


def find_nearest_name(name: str, known_names: Iterable[str]) -> str | None:
    """The known name that is the same in another case, else the most similar one, if any is."""
    names = list(known_names)
    if same_names := [other for other in names if other.lower() == name.lower()]:
        return same_names[0]
    similar_names = difflib.get_close_matches(name[:_MAX_COMPARED_LENGTH], names, n=1)
    return similar_names[0] if similar_names else None


def suggest_name(
    name: str, known_names: Iterable[str], *, max_listed: int = MAX_LISTED_NAMES
) -> str:
    """What to put behind "unknown …": the nearest known name, or all of them where they are few."""
    names = sorted(known_names)
    if nearest := find_nearest_name(name, names):
        return f", did you mean {nearest!r}?"
    return f"; known are {', '.join(names)}" if 0 < len(names) <= max_listed else ""
