"""What pydantic found, in plain words and at a line and column of the file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from collector.settings.models import keys_of
from collector.settings.names import nearest
from collector.settings.nodes import Node, shown
from collector.settings.report import Place, Report
from collector.settings.spots import Spot, find, tags

Finding: TypeAlias = tuple[Place, str]


def explain(error: ValidationError, root: Node, report: Report) -> None:
    """Add to `report` everything that pydantic says about the tree `root`."""
    for details in error.errors(include_url=False, include_input=False):
        judge = _JUDGES.get(details["type"], _bad_value)
        if finding := judge(details, root):
            report.add(*finding)


def _unknown_key(details: ErrorDetails, root: Node) -> Finding:
    *parents, name = details["loc"]
    parent = find(root, tuple(parents))
    place = parent.node.entries[str(name)].place
    return place, f"unknown key {shown(str(name))}{nearest(str(name), keys_of(parent.kind))}"


def _missing_key(details: ErrorDetails, root: Node) -> Finding:
    spot = find(root, details["loc"])
    if not spot.rest:
        return spot.key, f"key {spot.name} has no value"
    return spot.key, f"missing key {spot.rest[0]!r}"


def _missing_tag(details: ErrorDetails, root: Node) -> Finding:
    key = details["ctx"]["discriminator"]
    spot = find(root, details["loc"])
    return spot.key, f"missing key {key}: one of {', '.join(tags(spot.kind))}"


def _unknown_tag(details: ErrorDetails, root: Node) -> Finding | None:
    key = details["ctx"]["discriminator"].strip("'")
    spot = find(root, details["loc"])
    node, known = spot.node.get(key), tags(spot.kind)
    if node.spoilt:
        return None
    if not isinstance(node.value, str) or node.referenced:
        return node.place, f"must be one of {', '.join(known)}"
    return node.place, f"unknown {key} {shown(node.value)}{nearest(node.value, known)}"


def _too_few(details: ErrorDetails, root: Node) -> Finding | None:
    spot = find(root, details["loc"])
    # Pydantic counts the items without problems only.
    return None if spot.node.items else (spot.node.place, f"{spot.name} must name at least one")


def _bad_value(details: ErrorDetails, root: Node) -> Finding | None:
    spot = find(root, details["loc"])
    sentence = _sentence(details["type"], details.get("ctx", {}), spot)
    if spot.rest or details["loc"][-1:] == ("[key]",):
        return spot.key, sentence
    return None if spot.node.spoilt else (spot.node.place, sentence)


_JUDGES: Mapping[str, Callable[[ErrorDetails, Node], Finding | None]] = {
    "extra_forbidden": _unknown_key,
    "missing": _missing_key,
    "too_short": _too_few,
    "union_tag_not_found": _missing_tag,
    "union_tag_invalid": _unknown_tag,
}

_SENTENCES: Mapping[str, str] = {
    **dict.fromkeys(("bool_parsing", "bool_type"), "must be true or false"),
    **dict.fromkeys(("model_type", "model_attributes_type", "dict_type"), "must hold keys"),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "must be a whole number"),
    "int_parsing_size": "must be a smaller number",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "path_type": "must be a path",
    "string_type": "must be text",
    "tuple_type": "must be a list, such as [one, two]",
    "value_error": "{error}",
}


def _sentence(kind: str, context: Mapping[str, Any], spot: Spot) -> str:
    sentence = _SENTENCES.get(kind, "must be another kind of value").format(**context)
    if kind == "string_type" and isinstance(spot.node.value, bool | int | float):
        sentence += ": put it in quotes"
    return f"{spot.name} {sentence}" if sentence.startswith("must ") else sentence
