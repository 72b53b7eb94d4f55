"""`exclude` and `only` of tuning, as selections of a detection and parts of its condition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from collector.detect.language.field_scope import FieldScope
from collector.detect.language.placeholders import parse_placeholder
from collector.detect.language.rule_filters import join_conditions
from collector.detect.language.yaml_document import ForeignPlace, YamlDocument
from collector.detect.tuning.entries import TuningEntry
from collector.model.event_columns import ADDRESS_KEYS
from collector.settings.values import parse_network
from collector.yaml_source.nodes import YamlPath

TUNING_PREFIX = "_tune"
"""The prefix of the names of selections that come from tuning."""

_CONDITIONS = {"exclude": "not {}", "only": "{}"}


def name_selection(position: int, key: str) -> str:
    """The name of the selection that a key of the entry at that position adds."""
    return f"{TUNING_PREFIX}{position}_{key}"


def parse_selection_name(name: str) -> str | None:
    """`exclude` or `only` for the name of a selection that tuning has added; None for others."""
    prefix, _, key = name.rpartition("_")
    return key if prefix.startswith(TUNING_PREFIX) and key in _CONDITIONS else None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedConditions:
    """A document with what was added to its detection, if anything.

    `missing` says which field the rule's events do not have; an alternative with such a field is
    left out.
    """

    document: YamlDocument
    is_applied: bool
    missing: str = ""


def add_conditions(
    document: YamlDocument, entry: TuningEntry, key: str, position: int, scope: FieldScope
) -> AddedConditions:
    """The document whose condition asks for `only`, or for the absence of `exclude`, too."""
    selection: list[dict[str, Any]] = []
    name = name_selection(position, key)
    places: dict[YamlPath, ForeignPlace] = {("detection", name): entry.find_place(key)}
    missing = ""
    for number, mapping in enumerate(getattr(entry.settings, key)):
        if unknown := [each for each in mapping if not scope.has_field(each.split("|")[0])]:
            missing = scope.explain_unknown_field(unknown[0].split("|")[0])
            continue
        for items in _list_alternatives(mapping):
            for written_key, (item_key, _) in zip(mapping, items, strict=True):
                place = ("detection", name, len(selection), item_key)
                places[place] = entry.find_place(*entry.locate_condition(key, number, written_key))
            selection.append(dict(items))
    if not selection:
        return AddedConditions(document=document, is_applied=False, missing=missing)
    changed = _merge_selection(document, name, selection, _CONDITIONS[key].format(name))
    changed = replace(changed, foreign_places={**document.foreign_places, **places})
    return AddedConditions(document=changed, is_applied=True, missing=missing)


def _merge_selection(
    document: YamlDocument, name: str, selection: list[dict[str, Any]], condition: str
) -> YamlDocument:
    detection = document.data["detection"]
    merged = {
        **detection,
        name: selection,
        "condition": join_conditions(detection["condition"], condition),
    }
    return replace(document, data={**document.data, "detection": merged})


def _list_alternatives(mapping: Mapping[str, Any]) -> Iterator[tuple[tuple[str, Any], ...]]:
    """The items of a mapping: those with lists or networks among their values in several ways."""
    yield from product(*(list(_split_item(key, value)) for key, value in mapping.items()))


def _split_item(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """An item as items of Sigma, any of which may hold: values, lists by `%name%`, networks."""
    values = value if isinstance(value, list | tuple) else [value]
    kinds: dict[str, list[Any]] = {}
    for each in values:
        kinds.setdefault(_choose_modifier(key, each), []).append(each)
    yield from ((key + modifier, group) for modifier, group in kinds.items())
    if not values:
        yield key, []


def _choose_modifier(key: str, value: object) -> str:
    if "|" in key:
        return ""
    if parse_placeholder(value):
        return "|expand"
    return "|cidr" if key in ADDRESS_KEYS and _is_network(value) else ""


def _is_network(value: object) -> bool:
    try:
        return isinstance(value, str) and ("/" in value or parse_network(value) is not None)
    except ValueError:  # nearly one: what is wrong with it is told where it is compiled
        return True
