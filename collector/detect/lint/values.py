"""Warnings about values that no event can have in a field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from collector.detect.event_schema import EventSchema
from collector.detect.language.collector_block import COLLECTOR_KEY
from collector.detect.language.possible_values import list_impossible_values
from collector.detect.language.yaml_document import YamlDocument
from collector.errors import Problem
from collector.yaml_source.nodes import YamlPath


def lint_values(
    document: YamlDocument, place: YamlPath, items: Mapping[str, Any], schema: EventSchema
) -> Iterator[Problem]:
    """Warnings about the items of a selection at `place`."""
    for key, value in items.items():
        for message in list_impossible_values(key, value, schema):
            yield document.build_problem((*place, key), message)


def lint_case_values(document: YamlDocument, schema: EventSchema) -> Iterator[Problem]:
    """Warnings about what cases and steps of severity ask a field to be."""
    block = document.data.get(COLLECTOR_KEY) or {}
    for key in ("severity", "severity_step"):
        for position, case in enumerate(block.get(key) or ()):
            for message in list_impossible_values(case.get("field") or "", case.get("eq"), schema):
                yield document.build_problem((COLLECTOR_KEY, key, position, "eq"), message)
