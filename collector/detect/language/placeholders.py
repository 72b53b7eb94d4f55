"""`%rows%` as a value in a rule, which stands for the value of a parameter that it declares."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from collector.settings.tune_settings import ParameterValue
from collector.yaml_source.nodes import YamlPath
from collector.yaml_source.suggestions import find_nearest_name

PARAMETERS_KEY = "parameters"

_BLOCK_KEY = "collector"
_PLACEHOLDER_PATTERN = re.compile(r"%([A-Za-z0-9_-]{1,60})%")
_PARAMETRIC_KEYS = frozenset({"detection", "correlation", _BLOCK_KEY})
_LITERAL_KEYS = frozenset({PARAMETERS_KEY, "tests", "title", "triage"})
"""Keys of the block in which a text between percent signs is that text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedValues:
    """A document's data with values in the place of parameters, and where each was put."""

    data: dict[str, Any]
    places: tuple[tuple[YamlPath, str], ...]


def insert_values(data: Mapping[str, Any], values: Mapping[str, ParameterValue]) -> PlacedValues:
    """The data of a rule in which `%name%` as a whole value stands for the value of that name."""
    if not values:
        return PlacedValues(data=dict(data), places=())
    places: list[tuple[YamlPath, str]] = []
    changed = {
        key: _insert_value(value, (key,), values, places) if key in _PARAMETRIC_KEYS else value
        for key, value in data.items()
    }
    return PlacedValues(data=changed, places=tuple(places))


def _insert_value(
    value: Any,
    place: YamlPath,
    values: Mapping[str, ParameterValue],
    places: list[tuple[YamlPath, str]],
) -> Any:
    if isinstance(value, dict):
        return {
            key: each
            if _holds_literals((*place, key))
            else _insert_value(each, (*place, key), values, places)
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [
            _insert_value(each, (*place, position), values, places)
            for position, each in enumerate(value)
        ]
    name = parse_placeholder(value)
    if name is None or name not in values:
        return value
    places.append((place, name))
    return values[name]


def _holds_literals(place: YamlPath) -> bool:
    """Whether a key holds no parameters: lists (`field|expand`), and texts for people."""
    if place[0] == _BLOCK_KEY and len(place) == 2:
        return place[1] in _LITERAL_KEYS
    return "expand" in str(place[-1]).split("|")


def parse_placeholder(value: object) -> str | None:
    """The name in a text such as `%rows%`; None for anything else."""
    match = _PLACEHOLDER_PATTERN.fullmatch(value) if isinstance(value, str) else None
    return match[1] if match else None


def explain_placeholder(value: object, data: Mapping[str, Any]) -> str | None:
    """The message for a text such as `%rows%` where a rule needs a value; None for other values."""
    name = parse_placeholder(value)
    if name is None:
        return None
    declared = _list_declared_names(data)
    if name in declared:
        return f"{value!r} has no value: something is wrong with how this parameter is declared"
    if nearest := find_nearest_name(name, declared):
        return f"{value!r} is no parameter of this rule, did you mean '%{nearest}%'?"
    return (
        f"{value!r} is no parameter of this rule; declare it, as in"
        f" collector: {{parameters: {{{name}: {{default: 10, unit: …, description: …}}}}}}"
    )


def find_misspelt_placeholder(values: Iterable[object], data: Mapping[str, Any]) -> str | None:
    """The message for a text that is nearly a parameter of the rule; None where there is none."""
    declared = _list_declared_names(data)
    for value in values:
        name = parse_placeholder(value)
        if name is not None and name not in declared and find_nearest_name(name, declared):
            return explain_placeholder(value, data)
    return None


def _list_declared_names(data: Mapping[str, Any]) -> list[str]:
    block = data.get(_BLOCK_KEY)
    declared = block.get(PARAMETERS_KEY) if isinstance(block, dict) else None
    return list(map(str, declared)) if isinstance(declared, dict) else []
