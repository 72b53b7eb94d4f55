"""Warnings about lists that have no entry of the kind that a rule asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from collector.detect.language.collector_block import COLLECTOR_KEY
from collector.detect.language.list_conditions import ListCondition
from collector.detect.language.yaml_document import YamlDocument
from collector.detect.lists import ValueLists
from collector.detect.predicates.sigma_extensions import PAIR
from collector.errors import Problem
from collector.yaml_source.nodes import YamlPath


def lint_entry_cases(document: YamlDocument, lists: ValueLists) -> Iterator[Problem]:
    """Warnings about severity cases and steps that no entry of their list fits."""
    block = document.data.get(COLLECTOR_KEY) or {}
    for name in ("severity", "severity_step"):
        for position, rung in enumerate(block.get(name) or ()):
            if not isinstance(rung.get("when"), Mapping) or "rule" in rung["when"]:
                continue
            condition = ListCondition.model_validate(rung["when"])
            entries = lists[condition.name].entries
            if entries and not any(map(condition.fits_entry, entries)):
                message = f"the list {condition.name!r} has no entry like that"
                yield document.build_problem((COLLECTOR_KEY, name, position, "when"), message)


def lint_pairs(
    document: YamlDocument, place: YamlPath, items: Mapping[str, Any], lists: ValueLists
) -> Iterator[Problem]:
    """Warnings about the items of a selection at `place` that ask for pairs of a list without."""
    for key, value in items.items():
        if PAIR not in key.split("|"):
            continue
        entries = lists[value[0]].entries
        if entries and not any(entry.networks for entry in entries):
            message = (
                f"no entry of the list {value[0]!r} has networks: write {{value: …, networks: […]}}"
            )
            yield document.build_problem((*place, key), message)
