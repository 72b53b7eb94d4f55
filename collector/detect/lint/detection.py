"""Warnings about selections that are unused or never hold, and event types that never match."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from fnmatch import fnmatchcase
from typing import Any

from sigma.conditions import ConditionOR
from sigma.rule import SigmaDetections
from sigma.types import Placeholder, SigmaString

from collector.detect.event_schema import EventSchema
from collector.detect.language.collector_block import COLLECTOR_KEY
from collector.detect.language.yaml_document import YamlDocument
from collector.detect.lint.condition_outcomes import (
    NEVER,
    EventTypeFacts,
    compute_outcomes,
    list_required_comparisons,
)
from collector.detect.lint.list_entries import lint_entry_cases, lint_pairs
from collector.detect.lint.members import lint_members
from collector.detect.lint.severity import is_empty_range
from collector.detect.lint.unknown_fields import allows_unknown_fields
from collector.detect.lint.values import lint_values
from collector.detect.lists import ValueLists
from collector.detect.predicates.condition_sql import ConditionNode
from collector.errors import Problem
from collector.model import Correlation, Rule
from collector.model.event_columns import NON_NULL_COLUMNS
from collector.yaml_source.nodes import YamlPath

_WORD_PATTERN = re.compile(r"[\w*?-]+")
_BOUND_OPERATORS = frozenset({"gte", "gt", "lte", "lt"})


def lint_detection(
    document: YamlDocument, rule: Rule, *, schema: EventSchema, lists: ValueLists
) -> Iterator[Problem]:
    """Warnings about the selections and the condition of a rule over events."""
    if isinstance(rule.aggregation, Correlation):
        return
    detection = document.data["detection"]
    empty_lists = {
        name for name in lists.names if not lists[name].entries and not lists[name].is_optional
    }
    used_selections = set(_list_used_selections(document))
    for name in detection.keys() - {"condition"} - used_selections:
        yield document.build_problem(("detection", name), f"nobody asks for the selection {name!r}")
    detections = SigmaDetections.from_dict(detection)
    conditions = [each.parse() for each in detections.parsed_condition]
    condition: ConditionNode = conditions[0] if len(conditions) == 1 else ConditionOR(conditions)
    unmatchable = empty_lists & set(_find_required_lists(condition))
    for place, items in _list_item_mappings(detection):
        yield from _lint_ranges(document, place, items)
        yield from _lint_lists(document, place, items, unmatchable)
        yield from lint_members(document, place, items)
        yield from lint_pairs(document, place, items, lists)
        yield from lint_values(document, place, items, schema)
    yield from lint_entry_cases(document, lists)
    yield from _lint_selections(document, rule, schema, used_selections, detections)
    yield from _lint_event_types(document, rule, schema, condition)


# ---- selections and lists that are used


def _list_used_selections(document: YamlDocument) -> Iterator[str]:
    """The selections that the condition names, and those that cases and steps name."""
    detection = document.data["detection"]
    selections = detection.keys() - {"condition"}
    block = document.data.get(COLLECTOR_KEY) or {}
    rungs = [*(block.get("severity") or ()), *(block.get("severity_step") or ())]
    written_block = document.node.get_child(COLLECTOR_KEY)
    rungs += written_block.get_child("severity").to_plain() or ()  # tuning may stand for them
    for text in (*_as_list(detection["condition"]), *map(_read_when, rungs)):
        words = _WORD_PATTERN.findall(str(text))
        for before, word in zip(["", *words], words, strict=False):
            if before == "of" and word == "them":
                yield from (name for name in selections if not name.startswith("_"))
            else:
                yield from (name for name in selections if fnmatchcase(name, word))


def _read_when(rung: Mapping[str, Any]) -> str:
    """The condition over selections of a case or step, if it has one."""
    when = rung.get("when")
    return when if isinstance(when, str) else ""


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


# ---- items


def _list_item_mappings(
    detection: Mapping[str, Any],
) -> Iterator[tuple[YamlPath, Mapping[str, Any]]]:
    """Every mapping of items that have to hold together, with its place."""
    for name, definition in detection.items():
        entries = definition if isinstance(definition, list) else [definition]
        for position, entry in enumerate(entries):
            if isinstance(entry, dict):
                place: YamlPath = ("detection", name)
                yield ((*place, position) if isinstance(definition, list) else place), entry


def _lint_ranges(
    document: YamlDocument, place: YamlPath, items: Mapping[str, Any]
) -> Iterator[Problem]:
    ranges: dict[str, dict[str, float]] = {}
    for key, value in items.items():
        field, *modifiers = key.split("|")
        if (
            len(modifiers) == 1
            and modifiers[0] in _BOUND_OPERATORS
            and isinstance(value, int | float)
        ):
            ranges.setdefault(field, {})[modifiers[0]] = value
            if is_empty_range(ranges[field]):
                message = f"no number is in this range of {field}: the selection never holds"
                yield document.build_problem((*place, key), message)


def _lint_lists(
    document: YamlDocument, place: YamlPath, items: Mapping[str, Any], empty_lists: AbstractSet[str]
) -> Iterator[Problem]:
    for key, value in items.items():
        if "expand" not in key.split("|"):
            continue
        for name in (each.strip("%").lower() for each in _as_list(value) if isinstance(each, str)):
            if name in empty_lists:
                message = f"the list {name!r} is empty: nothing fits it until somebody fills it"
                yield document.build_problem((*place, key), message)


def _find_required_lists(condition: ConditionNode) -> Iterator[str]:
    """The lists that a value must be on for the condition to hold."""
    for comparison in list_required_comparisons(condition):
        if isinstance(comparison.value, SigmaString):
            placeholders = (each for each in comparison.value.s if isinstance(each, Placeholder))
            yield from (each.name.lower() for each in placeholders)


# ---- types


def _lint_selections(
    document: YamlDocument,
    rule: Rule,
    schema: EventSchema,
    used_selections: Iterable[str],
    detections: SigmaDetections,
) -> Iterator[Problem]:
    types = [_build_type_facts(document, name, schema) for name in rule.event_types]
    for name in used_selections if types else ():
        selection = detections.detections[name].postprocess(detections)
        if all(compute_outcomes(selection, each) == NEVER for each in types):
            message = f"{name!r} never holds for {' or '.join(rule.event_types)}"
            yield document.build_problem(("detection", name), message)


def _lint_event_types(
    document: YamlDocument, rule: Rule, schema: EventSchema, condition: ConditionNode
) -> Iterator[Problem]:
    """Warnings about types for which the rule can never match, if there are others."""
    if len(rule.event_types) > 1:
        for position, name in enumerate(rule.event_types):
            type_facts = _build_type_facts(document, name, schema)
            if compute_outcomes(condition, type_facts) == NEVER:
                place = (COLLECTOR_KEY, "event_types", position)
                message = _describe_unreachable(name, condition, type_facts)
                yield document.build_problem(place, message)


def _build_type_facts(
    document: YamlDocument, event_type: str, schema: EventSchema
) -> EventTypeFacts:
    allows_any = allows_unknown_fields(document)
    return EventTypeFacts(
        event_type=event_type,
        has_field=lambda field: (
            allows_any or field in NON_NULL_COLUMNS or schema.has_field(field, event_type)
        ),
    )


def _describe_unreachable(
    event_type: str, condition: ConditionNode, type_facts: EventTypeFacts
) -> str:
    required = (comparison.field for comparison in list_required_comparisons(condition))
    missing = dict.fromkeys(field for field in required if not type_facts.has_field(field))
    reason = f", which has no {' and no '.join(missing)}" if missing else ""
    return f"the condition never holds for {event_type}{reason}"
