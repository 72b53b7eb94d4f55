"""What pydantic found, in plain words and at a line and column of the file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from collector.settings.error_locations import ErrorLocation, list_tags, locate_error, locate_file
from collector.settings.error_sentences import build_error_sentence
from collector.settings.name_checks import suggest_public_name
from collector.settings.settings_model import list_model_keys
from collector.yaml_source.nodes import YamlNode, quote_name
from collector.yaml_source.problem_report import ProblemReport, SourcePosition

PlacedMessage: TypeAlias = tuple[SourcePosition, str]


def report_validation_errors(
    error: ValidationError, root: YamlNode, model: type[BaseModel], report: ProblemReport
) -> None:
    """Add to `report` everything that pydantic says about the tree `root` as a `model`."""
    file = locate_file(root, model)
    for details in error.errors(include_url=False, include_input=False):
        describe = _DESCRIBERS.get(details["type"], _describe_bad_value)
        if placed_message := describe(details, file):
            report.add_problem(*placed_message)


def _describe_unknown_key(details: ErrorDetails, file: ErrorLocation) -> PlacedMessage:
    *parents, name = details["loc"]
    parent = locate_error(file, tuple(parents))
    position = parent.node.entries[str(name)].position
    hint = suggest_public_name(str(name), list_model_keys(parent.kind))
    return position, f"unknown key {quote_name(str(name))}{hint}"


def _describe_missing_key(details: ErrorDetails, file: ErrorLocation) -> PlacedMessage:
    location = locate_error(file, details["loc"])
    if not location.rest:
        return location.key_position, f"key {location.name} has no value"
    return location.key_position, f"missing key {location.rest[0]!r}"


def _describe_missing_tag(details: ErrorDetails, file: ErrorLocation) -> PlacedMessage:
    key = details["ctx"]["discriminator"]
    location = locate_error(file, details["loc"])
    return location.key_position, f"missing key {key}: one of {', '.join(list_tags(location.kind))}"


def _describe_unknown_tag(details: ErrorDetails, file: ErrorLocation) -> PlacedMessage | None:
    key = details["ctx"]["discriminator"].strip("'")
    location = locate_error(file, details["loc"])
    node, tags = location.node.get_child(key), list_tags(location.kind)
    if node.has_problem:
        return None
    if not isinstance(node.value, str) or node.has_reference:
        return node.position, f"must be one of {', '.join(tags)}"
    return (
        node.position,
        f"unknown {key} {quote_name(node.value)}{suggest_public_name(node.value, tags)}",
    )


def _describe_too_few(details: ErrorDetails, file: ErrorLocation) -> PlacedMessage | None:
    location = locate_error(file, details["loc"])
    if location.node.items:  # pydantic counts those without problems only
        return None
    return location.node.position, f"{location.name} must name at least one"


def _describe_bad_value(details: ErrorDetails, file: ErrorLocation) -> PlacedMessage | None:
    location = locate_error(file, details["loc"])
    sentence = _build_sentence(details["type"], details.get("ctx", {}), location)
    if location.rest or details["loc"][-1:] == ("[key]",):
        return location.key_position, sentence
    return None if location.node.has_problem else (location.node.position, sentence)


_DESCRIBERS: Mapping[str, Callable[[ErrorDetails, ErrorLocation], PlacedMessage | None]] = {
    "extra_forbidden": _describe_unknown_key,
    "missing": _describe_missing_key,
    "too_short": _describe_too_few,
    "union_tag_not_found": _describe_missing_tag,
    "union_tag_invalid": _describe_unknown_tag,
}


def _build_sentence(kind: str, context: Mapping[str, Any], location: ErrorLocation) -> str:
    sentence = build_error_sentence(kind, context)
    if kind == "string_type" and isinstance(location.node.value, bool | int | float):
        sentence += ": put it in quotes"
    return f"{location.name} {sentence}" if sentence.startswith("must ") else sentence
