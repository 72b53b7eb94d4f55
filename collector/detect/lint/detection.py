"""Selections that nobody asks for or that never hold, and event types that never fit a rule."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from fnmatch import fnmatchcase
from typing import Any

from sigma.conditions import ConditionOR
from sigma.rule import SigmaDetections
from sigma.types import Placeholder, SigmaString

from collector.detect.language.block import KEY
from collector.detect.language.document import Document, Place
from collector.detect.lint.possible import NEVER, Sight, outcomes, wanted
from collector.detect.lint.severity import is_empty
from collector.detect.predicates.sql import Condition
from collector.detect.schema import IDENTITY, Schema
from collector.errors import Problem
from collector.model import Correlation, Rule

_WORD = re.compile(r"[\w*?-]+")
_BOUNDS = frozenset({"gte", "gt", "lte", "lt"})


def detection_remarks(
    document: Document, rule: Rule, *, schema: Schema, empty: AbstractSet[str]
) -> Iterator[Problem]:
    """What is odd about the selections and the condition of a rule; `empty` are lists."""
    if isinstance(rule.over, Correlation):
        return
    detection = document.data["detection"]
    asked = set(_asked(document))
    for name in detection.keys() - {"condition"} - asked:
        yield document.problem(("detection", name), f"nobody asks for the selection {name!r}")
    detections = SigmaDetections.from_dict(detection)
    parsed = [each.parse() for each in detections.parsed_condition]
    condition: Condition = parsed[0] if len(parsed) == 1 else ConditionOR(parsed)
    hollow = empty & set(_lists(condition))
    for place, items in _mappings(detection):
        yield from _range_remarks(document, place, items)
        yield from _list_remarks(document, place, items, hollow)
    yield from _selection_remarks(document, rule, schema, asked, detections)
    yield from _type_remarks(document, rule, schema, condition)


# ---- what is asked for


def _asked(document: Document) -> Iterator[str]:
    """The selections that the condition names, and those that cases and steps name."""
    detection = document.data["detection"]
    selections = detection.keys() - {"condition"}
    block = document.data.get(KEY) or {}
    rungs = [*(block.get("severity") or ()), *(block.get("severity_step") or ())]
    for text in (*_listed(detection["condition"]), *(rung.get("when", "") for rung in rungs)):
        words = _WORD.findall(str(text))
        for before, word in zip(["", *words], words, strict=False):
            if before == "of" and word == "them":
                yield from (name for name in selections if not name.startswith("_"))
            else:
                yield from (name for name in selections if fnmatchcase(name, word))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


# ---- items


def _mappings(detection: Mapping[str, Any]) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    """Every set of items that have to hold together, and where it stands."""
    for name, definition in detection.items():
        entries = definition if isinstance(definition, list) else [definition]
        for position, entry in enumerate(entries):
            if isinstance(entry, dict):
                place: Place = ("detection", name)
                yield ((*place, position) if isinstance(definition, list) else place), entry


def _range_remarks(document: Document, place: Place, items: Mapping[str, Any]) -> Iterator[Problem]:
    ranges: dict[str, dict[str, float]] = {}
    for key, value in items.items():
        field, *modifiers = key.split("|")
        if len(modifiers) == 1 and modifiers[0] in _BOUNDS and isinstance(value, int | float):
            ranges.setdefault(field, {})[modifiers[0]] = value
            if is_empty(ranges[field]):
                message = f"no number is in this range of {field}: the selection never holds"
                yield document.problem((*place, key), message)


def _list_remarks(
    document: Document, place: Place, items: Mapping[str, Any], hollow: AbstractSet[str]
) -> Iterator[Problem]:
    for key, value in items.items():
        if "expand" not in key.split("|"):
            continue
        for name in (each.strip("%") for each in _listed(value) if isinstance(each, str)):
            if name in hollow:
                message = f"the list {name!r} is empty: nothing fits it until somebody fills it"
                yield document.problem((*place, key), message)


def _lists(condition: Condition) -> Iterator[str]:
    """The lists that a value must be on for the condition to hold."""
    for comparison in wanted(condition):
        if isinstance(comparison.value, SigmaString):
            yield from (part.name for part in comparison.value.s if isinstance(part, Placeholder))


# ---- types


def _selection_remarks(
    document: Document,
    rule: Rule,
    schema: Schema,
    asked: Iterable[str],
    detections: SigmaDetections,
) -> Iterator[Problem]:
    sights = [_sight(name, schema) for name in rule.event_types]
    for name in asked if sights else ():
        selection = detections.detections[name].postprocess(detections)
        if all(outcomes(selection, sight) == NEVER for sight in sights):
            types = " or ".join(rule.event_types)
            yield document.problem(("detection", name), f"{name!r} never holds for {types}")


def _type_remarks(
    document: Document, rule: Rule, schema: Schema, condition: Condition
) -> Iterator[Problem]:
    """The types for which the rule can never fire, if there are others."""
    if len(rule.event_types) > 1:
        for position, name in enumerate(rule.event_types):
            sight = _sight(name, schema)
            if outcomes(condition, sight) == NEVER:
                place = (KEY, "event_types", position)
                yield document.problem(place, _unreachable(name, condition, sight))


def _sight(event_type: str, schema: Schema) -> Sight:
    fields = schema.fields(event_type)
    known = None if fields is None else fields | IDENTITY
    return Sight(event_type=event_type, has=lambda field: known is None or field in known)


def _unreachable(event_type: str, condition: Condition, sight: Sight) -> str:
    named = (comparison.field for comparison in wanted(condition))
    missing = dict.fromkeys(field for field in named if not sight.has(field))
    why = f", which has no {' and no '.join(missing)}" if missing else ""
    return f"the condition never holds for {event_type}{why}"
