"""Combinations of Sigma modifiers that pySigma accepts and that do not mean what they say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from collector.detect.predicates.list_membership import LIST_ENTRY_MESSAGE
from collector.detect.predicates.sigma_extensions import COMPARISONS, PAIR, UTF16LE, WEEKDAY

_PLACEMENTS = frozenset({"contains", "startswith", "endswith"})
_ENCODINGS = frozenset({"base64", "base64offset", "wide", UTF16LE, "utf16", "utf16be", "windash"})
_TIME_PARTS = frozenset({"minute", "hour", "day", "week", "month", "year", WEEKDAY})
_NUMERIC_MODIFIERS = _TIME_PARTS | COMPARISONS
_FIELD_MODIFIERS = _NUMERIC_MODIFIERS | {
    "startswith",
    "endswith",
    "exists",
    "fieldref",
    "cidr",
    "expand",
    PAIR,
}


_REGEX_FLAGS = frozenset({"i", "m", "s", "ignorecase", "multiline", "dotall"})
_VALUE_TYPES: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(
        _PLACEMENTS | _ENCODINGS | {"re", "cased", "cidr", "fieldref", "expand", PAIR}, (str,)
    ),
    **dict.fromkeys(_NUMERIC_MODIFIERS, (int, float)),
    "exists": (bool,),
}
_TYPE_DESCRIPTIONS: Mapping[tuple[type, ...], str] = {
    (str,): "a text; put it into quotes if it is one",
    (int, float): "a number",
    (bool,): "true or false",
}


def find_modifier_problem(
    field: str, modifiers: Sequence[str], values: Sequence[Any]
) -> str | None:
    """Why these modifiers do not go together, without a field or with the values; None if they do.

    Combinations that pySigma refuses with a message of its own are left to it.
    """
    problem = next((problem for check in _CHECKS if (problem := check(field, modifiers))), None)
    return problem or _check_values(modifiers, values)


def _check_values(modifiers: Sequence[str], values: Sequence[Any]) -> str | None:
    is_reference = "fieldref" in modifiers
    for name in modifiers:
        kinds = None if is_reference and name in COMPARISONS else _VALUE_TYPES.get(name)
        if kinds and not all(_is_of_type(each, kinds) for each in values):
            return f"{name} needs {_TYPE_DESCRIPTIONS[kinds]}"
    if PAIR in modifiers and len(values) != 2:
        return "pair needs a list and the other field: [app_networks, source_ip]"
    if WEEKDAY in modifiers and not all(1 <= each <= 7 for each in values):
        return "weekday is 1 (Monday) to 7 (Sunday)"
    return None


def _is_of_type(value: Any, kinds: tuple[type, ...]) -> bool:
    return isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


def _check_keyword(field: str, modifiers: Sequence[str]) -> str | None:
    names = [] if field else [each for each in modifiers if each in _FIELD_MODIFIERS]
    return f"{names[0]} needs a field; without one, a text is found anywhere" if names else None


def _check_list(_: str, modifiers: Sequence[str]) -> str | None:
    others = sorted(set(modifiers) - {"expand", "all", "neq", "contains", "startswith"})
    if "expand" not in modifiers or not others:
        return None
    return f"{LIST_ENTRY_MESSAGE}, so {others[0]} does not go with expand"


def _check_pair(_: str, modifiers: Sequence[str]) -> str | None:
    others = sorted(set(modifiers) - {PAIR, "neq"})
    return f"{others[0]} does not go with pair" if PAIR in modifiers and others else None


def _check_regex_placement(_: str, modifiers: Sequence[str]) -> str | None:
    placements = [each for each in modifiers if each in _PLACEMENTS]
    if "re" not in modifiers or not placements:
        return None
    return (
        f"a regular expression is found anywhere; say with ^ and $ where, not with {placements[0]}"
    )


def _check_flag_order(_: str, modifiers: Sequence[str]) -> str | None:
    flags = [each for each in modifiers if each in _REGEX_FLAGS]
    return f"{flags[0]} must come after re" if flags and modifiers[0] != "re" else None


def _check_cased_regex(_: str, modifiers: Sequence[str]) -> str | None:
    is_regex = "re" in modifiers and "cased" in modifiers
    return "a regular expression minds case anyway; ignore it with i" if is_regex else None


def _check_fieldref(_: str, modifiers: Sequence[str]) -> str | None:
    if "fieldref" not in modifiers:
        return None
    others = sorted(set(modifiers) - _PLACEMENTS - COMPARISONS - {"fieldref", "all", "neq"})
    if others:
        return f"{others[0]} does not go with fieldref"
    sizes = [each for each in modifiers if each in COMPARISONS]
    if len(sizes) > 1 or (sizes and not _PLACEMENTS.isdisjoint(modifiers)):
        return f"{sizes[0]} stands alone with fieldref"
    is_early = sizes and modifiers.index(sizes[0]) < modifiers.index("fieldref")
    return f"{sizes[0]} must come after fieldref" if is_early else None


def _check_cased_order(_: str, modifiers: Sequence[str]) -> str | None:
    if "cased" not in modifiers:
        return None
    later = [each for each in modifiers[modifiers.index("cased") :] if each in _ENCODINGS]
    return f"cased must come after {later[0]}, which makes other text of a text" if later else None


def _check_encoding_order(_: str, modifiers: Sequence[str]) -> str | None:
    """Wildcards that a placement has put around a text cannot be encoded."""
    positions = [position for position, each in enumerate(modifiers) if each in _PLACEMENTS]
    if not positions:
        return None
    later = [each for each in modifiers[positions[0] :] if each in _ENCODINGS - {"windash"}]
    return f"{modifiers[positions[0]]} must come after {later[0]}" if later else None


def _check_time_parts(_: str, modifiers: Sequence[str]) -> str | None:
    parts = [each for each in modifiers if each in _TIME_PARTS]
    return f"{parts[0]} and {parts[1]} do not go together" if len(parts) > 1 else None


def _check_duplicates(_: str, modifiers: Sequence[str]) -> str | None:
    repeated = [each for each in modifiers if modifiers.count(each) > 1]
    return f"{repeated[0]} stands there twice" if repeated else None


_CHECKS: Sequence[Callable[[str, Sequence[str]], str | None]] = (
    _check_duplicates,
    _check_keyword,
    _check_list,
    _check_pair,
    _check_regex_placement,
    _check_flag_order,
    _check_cased_regex,
    _check_fieldref,
    _check_cased_order,
    _check_encoding_order,
    _check_time_parts,
)
