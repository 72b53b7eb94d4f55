"""What a rule over events says that plain Sigma cannot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from collector.detect.language.collector_block import COLLECTOR_KEY
from collector.detect.language.time_zones import read_time_zone
from collector.detect.language.yaml_document import YamlDocument
from collector.detect.predicates.field_columns import UTC_ZONE
from collector.detect.predicates.sigma_extensions import COMPARISONS, PAIR, WEEKDAY

_SIZE = "a field that is greater than another"


def explain_foreign_words(document: YamlDocument) -> str:
    """Why Sigma cannot say it; empty where it can."""
    words = next(_list_foreign_words(document), None)
    return f"Sigma has no words for {words}" if words else ""


def _list_foreign_words(document: YamlDocument) -> Iterator[str]:
    block = document.data.get(COLLECTOR_KEY) or {}
    rungs = [*(block.get("severity") or ()), *(block.get("severity_step") or ())]
    if any(isinstance(rung.get("when"), Mapping) for rung in rungs):
        yield "what an entry of a list is like"
    if any(isinstance(rung.get(name), str) for rung in rungs for name in COMPARISONS):
        yield _SIZE
    if read_time_zone(document) != UTC_ZONE:
        yield "a time zone"
    for key in _list_keys(document.data["detection"]):
        modifiers = set(key.split("|")[1:])
        if WEEKDAY in modifiers:
            yield "the day of the week"
        if PAIR in modifiers:
            yield "a list of pairs"
        if "fieldref" in modifiers and modifiers & COMPARISONS:
            yield _SIZE


def _list_keys(definition: Any) -> Iterator[str]:
    """The keys of a detection and of all that is in it."""
    if isinstance(definition, dict):
        yield from map(str, definition)
        definition = list(definition.values())
    if isinstance(definition, list):
        for each in definition:
            yield from _list_keys(each)
