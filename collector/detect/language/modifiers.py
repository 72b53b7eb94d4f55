"""Modifiers of Sigma that pySigma takes together and that, together, do not mean what they say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from collector.detect.predicates.membership import ALONE

_PLACES = frozenset({"contains", "startswith", "endswith"})
_ENCODINGS = frozenset({"base64", "base64offset", "wide", "utf16", "utf16be", "windash"})
_PARTS = frozenset({"minute", "hour", "day", "week", "month", "year"})
_NUMERIC = _PARTS | {"gt", "gte", "lt", "lte"}
_NEED_A_FIELD = _NUMERIC | {"startswith", "endswith", "exists", "fieldref", "cidr", "expand"}


_FLAGS = frozenset({"i", "m", "s", "ignorecase", "multiline", "dotall"})
_WANTED: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(_PLACES | _ENCODINGS | {"re", "cased", "cidr", "fieldref", "expand"}, (str,)),
    **dict.fromkeys(_NUMERIC, (int, float)),
    "exists": (bool,),
}
_KINDS: Mapping[tuple[type, ...], str] = {
    (str,): "a text; put it into quotes if it is one",
    (int, float): "a number",
    (bool,): "true or false",
}


def mismatch(field: str, modifiers: Sequence[str], values: Sequence[Any]) -> str | None:
    """Why these modifiers do not go together, without a field or with the values; None if they do.

    What pySigma itself refuses in words is left to it.
    """
    found = next((found for check in _CHECKS if (found := check(field, modifiers))), None)
    return found or _wrong_value(modifiers, values)


def _wrong_value(modifiers: Sequence[str], values: Sequence[Any]) -> str | None:
    for name in modifiers:
        kinds = _WANTED.get(name)
        if kinds and not all(_is_one(each, kinds) for each in values):
            return f"{name} needs {_KINDS[kinds]}"
    return None


def _is_one(value: Any, kinds: tuple[type, ...]) -> bool:
    return isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


def _keyword(field: str, modifiers: Sequence[str]) -> str | None:
    needy = [] if field else [each for each in modifiers if each in _NEED_A_FIELD]
    return f"{needy[0]} needs a field; without one, a text is found anywhere" if needy else None


def _list(_: str, modifiers: Sequence[str]) -> str | None:
    others = sorted(set(modifiers) - {"expand", "all", "neq"})
    if "expand" not in modifiers or not others:
        return None
    return f"{ALONE}, so {others[0]} does not go with expand"


def _regex(_: str, modifiers: Sequence[str]) -> str | None:
    placed = [each for each in modifiers if each in _PLACES]
    if "re" not in modifiers or not placed:
        return None
    return f"a regular expression is found anywhere; say with ^ and $ where, not with {placed[0]}"


def _flag(_: str, modifiers: Sequence[str]) -> str | None:
    flags = [each for each in modifiers if each in _FLAGS]
    return f"{flags[0]} must come after re" if flags and modifiers[0] != "re" else None


def _exact(_: str, modifiers: Sequence[str]) -> str | None:
    is_regex = "re" in modifiers and "cased" in modifiers
    return "a regular expression minds case anyway; ignore it with i" if is_regex else None


def _reference(_: str, modifiers: Sequence[str]) -> str | None:
    if "fieldref" not in modifiers:
        return None
    others = sorted(set(modifiers) - _PLACES - {"fieldref", "all", "neq"})
    return f"{others[0]} does not go with fieldref" if others else None


def _cased(_: str, modifiers: Sequence[str]) -> str | None:
    if "cased" not in modifiers:
        return None
    after = [each for each in modifiers[modifiers.index("cased") :] if each in _ENCODINGS]
    return f"cased must come after {after[0]}, which makes other text of a text" if after else None


def _encoded(_: str, modifiers: Sequence[str]) -> str | None:
    """Wildcards that a place has put around a text cannot be encoded."""
    placed = [position for position, each in enumerate(modifiers) if each in _PLACES]
    if not placed:
        return None
    after = [each for each in modifiers[placed[0] :] if each in _ENCODINGS - {"windash"}]
    return f"{modifiers[placed[0]]} must come after {after[0]}" if after else None


def _part(_: str, modifiers: Sequence[str]) -> str | None:
    parts = [each for each in modifiers if each in _PARTS]
    return f"{parts[0]} and {parts[1]} do not go together" if len(parts) > 1 else None


def _twice(_: str, modifiers: Sequence[str]) -> str | None:
    repeated = [each for each in modifiers if modifiers.count(each) > 1]
    return f"{repeated[0]} stands there twice" if repeated else None


_CHECKS: Sequence[Callable[[str, Sequence[str]], str | None]] = (
    _twice,
    _keyword,
    _list,
    _regex,
    _flag,
    _exact,
    _reference,
    _cased,
    _encoded,
    _part,
)
