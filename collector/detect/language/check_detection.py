"""What can be wrong with the selections and the condition of a rule, each at its line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import re2  # type: ignore[import-untyped]
from sigma.exceptions import SigmaError
from sigma.modifiers import modifier_mapping
from sigma.rule import SigmaDetections
from sigma.rule.detection import EmptySigmaDetections, SigmaDetectionItem

from collector.detect.language.document import Document, Place
from collector.detect.language.modifiers import mismatch
from collector.detect.language.scope import Scope
from collector.detect.names import nearest
from collector.detect.predicates import sql
from collector.errors import Problem

MODIFIERS = frozenset(modifier_mapping)

_SCALARS = (str, int, float, bool, type(None))


def detection_problems(document: Document, scope: Scope) -> Iterator[Problem]:
    """What is wrong with the items of the detection (a mapping), and with its condition."""
    detection = document.data["detection"]
    if "condition" not in detection:
        yield document.problem(("detection",), "missing key 'condition'")
    found = [
        document.problem(place, message)
        for place, key, value in _items(detection)
        if (message := item_problem(key, value, scope))
    ]
    yield from found
    if not found and "condition" in detection:
        yield from _condition_problems(document, detection)


def _items(detection: Mapping[str, Any]) -> Iterator[tuple[Place, str | None, Any]]:
    for name, definition in detection.items():
        if name != "condition":
            yield from _items_of(definition, ("detection", name))


def _items_of(definition: Any, place: Place) -> Iterator[tuple[Place, str | None, Any]]:
    if isinstance(definition, dict):
        for key, value in definition.items():
            yield (*place, key), key, value
    elif isinstance(definition, list) and not all(isinstance(e, _SCALARS) for e in definition):
        for position, entry in enumerate(definition):
            yield from _items_of(entry, (*place, position))
    else:
        yield place, None, definition


def item_problem(key: str | None, value: Any, scope: Scope) -> str | None:
    """What is wrong with one `field|modifier: value`, if anything."""
    field, *modifiers = (key or "").split("|")
    values = value if isinstance(value, list) else [value]
    if unknown := [each for each in modifiers if each not in MODIFIERS]:
        return f"modifier {unknown[0]!r} is not served{nearest(unknown[0], MODIFIERS)}"
    if message := _value_problem(values) or mismatch(field, modifiers, values):
        return message
    named = [field] if field else []
    if "fieldref" in modifiers:
        named += [each for each in values if isinstance(each, str)]
    if strangers := [each for each in named if not scope.knows(each)]:
        return scope.unknown(strangers[0])
    try:
        if "re" in modifiers:
            _compile(each for each in values if isinstance(each, str))
        sql.predicate(item(key, value), scope.columns())
    except (SigmaError, re2.error) as error:
        return _words(error, modifiers)
    return None


def _value_problem(values: Sequence[Any]) -> str | None:
    if not all(isinstance(each, _SCALARS) for each in values):
        return "a value is text, a number, true, false, null, or a list of those"
    return None if values else "an empty list"


def _compile(patterns: Iterable[str]) -> None:
    """Raises re2.error for what DuckDB's RE2 would not take; pySigma's would log it on stderr."""
    options = re2.Options()
    options.log_errors = False
    for pattern in patterns:
        re2.compile(pattern, options)


def _words(error: Exception, modifiers: Sequence[str]) -> str:
    if "incompatible to value type" in str(error):
        return f"{' and '.join(modifiers)} do not go together"
    if not isinstance(error, re2.error):
        return str(error)
    reason = error.args[0]
    text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
    return f"no regular expression of RE2 (which has no look-around): {text}"


def item(key: str | None, value: Any) -> sql.Condition:
    """The condition of one `field|modifier: value`. Raises SigmaError."""
    return SigmaDetectionItem.from_mapping(key, value).postprocess(EmptySigmaDetections())


def _condition_problems(document: Document, detection: dict[str, Any]) -> Iterator[Problem]:
    try:
        parsed = SigmaDetections.from_dict(detection)
        for condition in parsed.parsed_condition:
            condition.parse()
    except (SigmaError, TypeError, AttributeError) as error:
        yield document.problem(("detection", "condition"), f"no condition: {error}")


def when_problem(document: Document, when: str) -> str | None:
    """What is wrong with a condition over the selections of the detection, if anything."""
    detection = {**document.data["detection"], "condition": when}
    selections = detection.keys() - {"condition"}
    if re.fullmatch(r"[\w-]+", when) and when not in selections:
        return f"unknown selection {when!r}{nearest(when, selections)}"
    try:
        SigmaDetections.from_dict(detection).parsed_condition[0].parse()
    except SigmaError as error:
        return f"no condition over selections: {error}"
    return None
