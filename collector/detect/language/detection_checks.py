"""Problems of the selections and the condition of a rule, each at its line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import re2  # type: ignore[import-untyped]
from sigma.exceptions import SigmaError
from sigma.modifiers import modifier_mapping
from sigma.rule import SigmaDetections
from sigma.rule.detection import EmptySigmaDetections, SigmaDetectionItem

from collector.detect.language.condition_depth import find_depth_problem
from collector.detect.language.field_scope import FieldScope
from collector.detect.language.modifier_checks import find_modifier_problem
from collector.detect.language.placeholders import (
    explain_placeholder,
    find_misspelt_placeholder,
)
from collector.detect.language.yaml_document import YamlDocument
from collector.detect.predicates import condition_sql
from collector.detect.predicates.sigma_extensions import PAIR
from collector.errors import Problem
from collector.yaml_source.nodes import YamlPath
from collector.yaml_source.suggestions import suggest_name

MODIFIERS = frozenset(modifier_mapping)

_PIPE_MESSAGE = (
    "a pipe in a condition (count, near) is what correlations have replaced: write one of type"
    " event_count, value_count or temporal over this rule"
)
_SCALAR_TYPES = (str, int, float, bool, type(None))


def find_detection_problems(document: YamlDocument, scope: FieldScope) -> Iterator[Problem]:
    """The problems of the items of the detection (a mapping), and of its condition."""
    detection = document.data["detection"]
    if "condition" not in detection:
        yield document.build_problem(("detection",), "missing key 'condition'")
    item_problems = [
        document.build_problem(place, message)
        for place, key, value in _list_items(detection)
        if (message := _find_parameter_problem(document, key, value, scope))
    ]
    yield from item_problems
    if not item_problems and "condition" in detection:
        yield from _find_condition_problems(document, detection)


def list_named_fields(detection: Mapping[str, Any]) -> Iterator[str]:
    """The fields that the items of a valid detection name, also to compare others with."""
    for _, key, value in _list_items(detection):
        yield from _list_item_fields(key, value)


def _list_item_fields(key: str | None, value: Any) -> Iterator[str]:
    field, *modifiers = (key or "").split("|")
    values = value if isinstance(value, list) else [value]
    if field:
        yield field
    if PAIR in modifiers:
        yield from values[1:2]
    if "fieldref" in modifiers:
        yield from (each for each in values if isinstance(each, str))


def _find_parameter_problem(
    document: YamlDocument, key: str | None, value: Any, scope: FieldScope
) -> str | None:
    """The problem of an item, in other words where a text in it looks like a parameter."""
    message = find_item_problem(key, value, scope)
    values = value if isinstance(value, list) else [value]
    if "expand" in (key or "").split("|"):
        return message
    if message is None:
        return find_misspelt_placeholder(values, document.data)
    hints = (explain_placeholder(each, document.data) for each in values)
    return next((hint for hint in hints if hint), message)


def _list_items(detection: Mapping[str, Any]) -> Iterator[tuple[YamlPath, str | None, Any]]:
    for name, definition in detection.items():
        if name != "condition":
            yield from _list_nested_items(definition, ("detection", name))


def _list_nested_items(
    definition: Any, place: YamlPath
) -> Iterator[tuple[YamlPath, str | None, Any]]:
    if isinstance(definition, dict):
        for key, value in definition.items():
            yield (*place, key), key, value
    elif isinstance(definition, list) and not all(isinstance(e, _SCALAR_TYPES) for e in definition):
        for position, entry in enumerate(definition):
            yield from _list_nested_items(entry, (*place, position))
    else:
        yield place, None, definition


def find_item_problem(key: str | None, value: Any, scope: FieldScope) -> str | None:
    """The problem of one `field|modifier: value`; None where there is none."""
    field, *modifiers = (key or "").split("|")
    values = value if isinstance(value, list) else [value]
    if unknown := [each for each in modifiers if each not in MODIFIERS]:
        return f"modifier {unknown[0]!r} is not served{suggest_name(unknown[0], MODIFIERS)}"
    if message := _find_value_problem(values) or find_modifier_problem(field, modifiers, values):
        return message
    fields = _list_item_fields(key, value)
    if unknown_fields := [each for each in fields if not scope.has_field(each)]:
        return scope.explain_unknown_field(unknown_fields[0])
    try:
        if "re" in modifiers:
            _compile_patterns(each for each in values if isinstance(each, str))
        condition_sql.compile_predicate(parse_item(key, value), scope.build_trial_columns())
    except (SigmaError, re2.error) as error:
        return _explain_error(error, modifiers)
    return None


def _find_value_problem(values: Sequence[Any]) -> str | None:
    if not all(isinstance(each, _SCALAR_TYPES) for each in values):
        return "a value is text, a number, true, false, null, or a list of those"
    return None if values else "an empty list"


def _compile_patterns(patterns: Iterable[str]) -> None:
    """Raises re2.error for what DuckDB's RE2 would not take; pySigma's would log it on stderr."""
    options = re2.Options()
    options.log_errors = False
    for pattern in patterns:
        re2.compile(pattern, options)


def _explain_error(error: Exception, modifiers: Sequence[str]) -> str:
    if "incompatible to value type" in str(error):
        return f"{' and '.join(modifiers)} do not go together"
    if not isinstance(error, re2.error):
        return str(error)
    reason = error.args[0]
    text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
    return f"no regular expression of RE2 (which has no look-around): {text}"


def parse_item(key: str | None, value: Any) -> condition_sql.ConditionNode:
    """The condition of one `field|modifier: value`. Raises SigmaError."""
    return SigmaDetectionItem.from_mapping(key, value).postprocess(EmptySigmaDetections())


def _find_condition_problems(
    document: YamlDocument, detection: dict[str, Any]
) -> Iterator[Problem]:
    conditions = detection["condition"]
    for condition in conditions if isinstance(conditions, list) else [conditions]:
        if message := find_depth_problem(condition):
            yield document.build_problem(("detection", "condition"), message)
            return
        if "|" in str(condition):
            yield document.build_problem(("detection", "condition"), _PIPE_MESSAGE)
            return
    try:
        detections = SigmaDetections.from_dict(detection)
        for condition in detections.parsed_condition:
            condition.parse()
    except (SigmaError, TypeError, AttributeError) as error:
        yield document.build_problem(("detection", "condition"), f"no condition: {error}")


def find_when_problem(document: YamlDocument, when: str) -> str | None:
    """The problem of a condition over the selections of the detection; None where it is valid."""
    if message := find_depth_problem(when):
        return message
    detection = {**document.data["detection"], "condition": when}
    selections = detection.keys() - {"condition"}
    if re.fullmatch(r"[\w-]+", when) and when not in selections:
        return f"unknown selection {when!r}{suggest_name(when, selections)}"
    try:
        SigmaDetections.from_dict(detection).parsed_condition[0].parse()
    except SigmaError as error:
        return f"no condition over selections: {error}"
    return None
