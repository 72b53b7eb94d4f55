"""Patterns with wildcards that are compared with names, in the plain form of names."""

from __future__ import annotations

from copy import copy

from sigma.types import SigmaString

from collector.plain_names import (
    simplify_beginning,
    simplify_end,
    simplify_name,
    simplify_part,
)


def simplify_pattern(value: SigmaString) -> SigmaString:
    """A pattern whose texts have the plain form of names."""
    last = len(value.s) - 1
    plain = copy(value)
    plain.s = [
        _simplify_text(part, is_first=place == 0, is_last=place == last)
        if isinstance(part, str)
        else part
        for place, part in enumerate(value.s)
    ]
    return plain


def _simplify_text(text: str, *, is_first: bool, is_last: bool) -> str:
    if is_first and is_last:
        return simplify_name(text)
    if is_first:
        return simplify_beginning(text)
    return simplify_end(text) if is_last else simplify_part(text)
