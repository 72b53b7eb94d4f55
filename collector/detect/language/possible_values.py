"""Values that no event can have in a field whose values are known: whoever asks waits for ever."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any

from collector.detect.event_schema import EventSchema
from collector.detect.predicates.cidr import parse_address
from collector.model.event_columns import ADDRESS_KEYS
from collector.settings.values import parse_network
from collector.yaml_source.suggestions import suggest_name

_PATTERNS = {"contains": "*{}*", "startswith": "{}*", "endswith": "*{}"}
_KEEPING_MODIFIERS = frozenset({"all", "cased"})
"""Modifiers that ask for the value as it stands there."""

_NO_ADDRESS_CHARACTER = re.compile(r"[^0-9A-Fa-f:.,;\s\[\]*?]")
_ADDRESS_SEPARATORS = re.compile(r"[,;\s]+")
_TRUTHS = frozenset({"true", "false"})


def list_impossible_values(key: str, value: Any, schema: EventSchema) -> Iterator[str]:
    """What is wrong with each value of `field|modifier: value` that no event can have.

    Lists by their names, patterns of `re` and comparisons of size are not looked at.
    """
    field, *modifiers = key.split("|")
    pattern = _choose_pattern(modifiers)
    values = value if isinstance(value, list | tuple) else [value]
    if pattern is None:
        return
    for each in values:
        text = str(each).lower() if isinstance(each, bool) else str(each)
        if each is None or not text or re.fullmatch("%.+%", text):
            continue
        if message := _explain_impossible(field, text, pattern.format(text), schema):
            yield message


def _choose_pattern(modifiers: Iterable[str]) -> str | None:
    """What a value becomes as a glob of whole values; None where it is compared otherwise."""
    others = [each for each in modifiers if each not in _KEEPING_MODIFIERS]
    if not others:
        return "{}"
    return _PATTERNS.get(others[0]) if len(others) == 1 else None


def _explain_impossible(field: str, text: str, glob: str, schema: EventSchema) -> str | None:
    if field in ADDRESS_KEYS:
        is_possible = _is_address(text) if glob == text else not _NO_ADDRESS_CHARACTER.search(text)
        return None if is_possible else f"{field!r} is never {text!r}, which is no address"
    known = _list_values(field, schema)
    if known is None or any(fnmatchcase(each.lower(), glob.lower()) for each in known):
        return None
    return f"{field!r} is never {text!r}{suggest_name(text, known)}"


def _list_values(field: str, schema: EventSchema) -> frozenset[str] | None:
    is_truth = schema.field_types.get(field) == "BOOLEAN"
    return _TRUTHS if is_truth else schema.list_values(field)


def _is_address(text: str) -> bool:
    """Whether an address, or a network, is in a text, or a glob that may be one."""
    if "*" in text or "?" in text:
        return not _NO_ADDRESS_CHARACTER.search(text)
    return any(map(_is_single_address, _ADDRESS_SEPARATORS.split(text)))


def _is_single_address(text: str) -> bool:
    try:
        return parse_address(text) is not None or parse_network(text) is not None
    except ValueError:  # nearly a network: what is wrong with it is told where it is compiled
        return True
