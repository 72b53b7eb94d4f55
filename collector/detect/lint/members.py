"""Warnings about values that no member of a list can have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from collector.detect.language.yaml_document import YamlDocument
from collector.errors import Problem
from collector.model.member_columns import SEPARATORS
from collector.yaml_source.nodes import YamlPath

_OTHER_MODIFIERS = frozenset({"re", "expand", "exists", "fieldref"})


def lint_members(
    document: YamlDocument, place: YamlPath, items: Mapping[str, Any]
) -> Iterator[Problem]:
    """Warnings about the items of a selection at `place`."""
    for key, value in items.items():
        field, *modifiers = key.split("|")
        if field not in SEPARATORS or not _OTHER_MODIFIERS.isdisjoint(modifiers):
            continue
        texts = [each for each in _as_list(value) if isinstance(each, str)]
        if text := next((each for each in texts if _has_separator(field, each)), None):
            message = (
                f"{field} is a list, of which each member is compared, and none is {text!r}:"
                " write the members by themselves, with |all where each must be there"
            )
            yield document.build_problem((*place, key), message)


def _has_separator(field: str, text: str) -> bool:
    return not set(SEPARATORS[field]).isdisjoint(text)


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
