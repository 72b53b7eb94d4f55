"""The changes that an entry of tuning makes in the document of a rule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from collector.detect.language.collector_block import COLLECTOR_KEY
from collector.detect.language.correlation_block import CORRELATION_KEY, OPERATORS
from collector.detect.language.field_scope import FieldScope
from collector.detect.language.yaml_document import YamlDocument
from collector.detect.tuning.adjustment import TuningChange
from collector.detect.tuning.entries import TuningEntry
from collector.detect.tuning.event_conditions import add_conditions
from collector.detect.tuning.member_conditions import CONDITION_KEYS
from collector.yaml_source.nodes import YamlPath

THRESHOLD = "threshold"

_NO_THRESHOLD = (
    "no condition of a correlation, no baseline and no parameter 'threshold' to put it in"
)
_NO_WINDOW = "neither a correlation nor a baseline, so there is no window"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedDocument:
    """A document as an entry leaves it.

    Attributes:
        changes: what the entry has changed.
        unused_keys: by key of the entry, why it changes nothing in this rule.
    """

    document: YamlDocument
    changes: tuple[TuningChange, ...] = ()
    unused_keys: Mapping[str, str] = field(default_factory=dict)


def change_document(
    document: YamlDocument, entry: TuningEntry, position: int, scope: FieldScope
) -> ChangedDocument:
    """The document with what the entry says of level, threshold, window, severity and events.

    Args:
        document: a rule or a correlation in which nothing is wrong, without placeholders.
        entry: what is to be changed; its parameters and `enabled` are not looked at.
        position: of the entry among all, for names that are its own.
        scope: the fields of the rule's events.

    What it says of the events of a correlation is for `MemberConditions` to do.
    """
    unused: dict[str, str] = {}
    changes: list[TuningChange] = []
    for key, place, value in _list_replacements(document, entry, unused):
        document = _put_value(document, place, value, entry, key)
        changes.append(build_change(entry, key, value))
    for key in CONDITION_KEYS:
        conditions = getattr(entry.settings, key)
        if conditions is not None and CORRELATION_KEY in document.data:
            changes.append(build_change(entry, key, list(conditions)))
        elif conditions is not None:
            added = add_conditions(document, entry, key, position, scope)
            document = added.document
            unused |= {key: added.missing} if added.missing else {}
            changes += [build_change(entry, key, list(conditions))] if added.is_applied else []
    return ChangedDocument(document=document, changes=tuple(changes), unused_keys=unused)


def build_change(
    entry: TuningEntry, key: str, value: object, *, parameter: str = ""
) -> TuningChange:
    """The change of a key of an entry, which may be that of a parameter."""
    place = entry.find_place(*key.split("."))
    return TuningChange(
        key=key, value=value, pattern=entry.pattern, place=place, parameter=parameter
    )


def _list_replacements(
    document: YamlDocument, entry: TuningEntry, unused: dict[str, str]
) -> Iterator[tuple[str, YamlPath, Any]]:
    """The keys whose value replaces one in the document, with its place there."""
    settings = entry.settings
    if settings.level is not None:
        yield "level", ("level",), str(settings.level)
    if settings.notify is not None:
        yield "notify", (COLLECTOR_KEY, "notify"), str(settings.notify)
    if settings.threshold is not None:
        if place := _find_threshold(document.data):
            yield THRESHOLD, place, settings.threshold
        else:
            unused[THRESHOLD] = _NO_THRESHOLD
    if settings.window is not None:
        if place := _find_window(document.data):
            yield "window", place, _render_duration(settings.window)
        else:
            unused["window"] = _NO_WINDOW
    if settings.severity is not None:
        yield "severity", (COLLECTOR_KEY, "severity"), [dict(each) for each in settings.severity]


def _find_threshold(data: Mapping[str, Any]) -> YamlPath:
    """Where a rule has its threshold; empty where it has none."""
    if CORRELATION_KEY in data:
        condition = data[CORRELATION_KEY].get("condition")
        operators = [key for key in OPERATORS if isinstance(condition, dict) and key in condition]
        is_temporal = str(data[CORRELATION_KEY].get("type")).startswith("temporal")
        return () if is_temporal or not operators else (CORRELATION_KEY, "condition", operators[0])
    has_baseline = (data.get(COLLECTOR_KEY) or {}).get("baseline") is not None
    return (COLLECTOR_KEY, "baseline", "floor") if has_baseline else ()


def _find_window(data: Mapping[str, Any]) -> YamlPath:
    if CORRELATION_KEY in data:
        return (CORRELATION_KEY, "timespan")
    has_baseline = (data.get(COLLECTOR_KEY) or {}).get("baseline") is not None
    return (COLLECTOR_KEY, "baseline", "window") if has_baseline else ()


def _render_duration(value: timedelta) -> str:
    """A duration in the largest unit that it is whole in, as rule files have it."""
    seconds = round(value.total_seconds())
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds % length == 0:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def _put_value(
    document: YamlDocument, place: YamlPath, value: object, entry: TuningEntry, key: str
) -> YamlDocument:
    return replace(
        document,
        data=_replace_value(document.data, place, value),
        foreign_places={**document.foreign_places, place: entry.find_place(key)},
    )


def _replace_value(data: Any, place: YamlPath, value: object) -> Any:
    """The data with another value at a place, whose mappings come into being where needed."""
    if not place:
        return value
    mapping = data if isinstance(data, dict) else {}
    return {**mapping, place[0]: _replace_value(mapping.get(place[0]), place[1:], value)}
