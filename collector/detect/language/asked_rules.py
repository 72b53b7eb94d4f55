"""Severity cases about rules that a correlation does not need: `when: {rule: new-app}`.

They hold where such a rule matches an event of the group in the window; whether the window fires is
for the rules under `rules` alone to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from collector.detect.language.block_model import BlockModel
from collector.detect.language.correlation_block import CorrelationBlock
from collector.detect.language.document_library import normalize_reference
from collector.detect.language.yaml_document import YamlDocument
from collector.yaml_source.nodes import YamlPath

LINK_PLACE: YamlPath = ("collector", "link", "rule")
_LADDERS = ("severity", "severity_step")


class AskedRule(BlockModel):
    """A rule, by its name or id, that has matched in the window."""

    rule: str

    def describe(self) -> str:
        """The condition in words, as `explain` shows it."""
        return f"{self.rule} in the window"


def list_asked_rules(document: YamlDocument) -> Iterator[tuple[YamlPath, str]]:
    """The references to rules in cases, steps and the link of a document, each with its place."""
    block = document.data.get("collector")
    ladders = block if isinstance(block, Mapping) else {}
    for ladder in _LADDERS:
        rungs = ladders.get(ladder)
        for position, rung in enumerate(rungs if isinstance(rungs, list) else ()):
            if (reference := _read_rule(rung, "when")) is not None:
                yield ("collector", ladder, position, "when", "rule"), reference
    if (reference := _read_rule({**ladders}, "link")) is not None:
        yield LINK_PLACE, reference


def list_optional_references(document: YamlDocument, mapping: CorrelationBlock) -> list[str]:
    """The references to rules that only cases of a correlation, or its link, ask for."""
    own = {normalize_reference(each) for each in mapping.rules}
    asked = {normalize_reference(name): name for _, name in list_asked_rules(document)}
    return [name for reference, name in asked.items() if reference not in own]


def _read_rule(mapping: Any, key: str) -> str | None:
    value = mapping.get(key) if isinstance(mapping, Mapping) else None
    rule = value.get("rule") if isinstance(value, Mapping) else None
    return rule if isinstance(rule, str) else None
