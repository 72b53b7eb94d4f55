"""Warnings about a rule's tags, and about keys that a reader of its alerts will miss."""

from __future__ import annotations

import re
from collections.abc import Iterator

from collector.detect.language.collector_block import COLLECTOR_KEY
from collector.detect.language.document_completion import (
    DEFAULT_LEVEL,
    TIMEFRAME_KEY,
    has_level,
    has_timeframe,
)
from collector.detect.language.metadata_checks import find_misspelt_keys
from collector.detect.language.yaml_document import YamlDocument
from collector.detect.lint import mitre_attack
from collector.errors import Problem
from collector.model import Rule
from collector.yaml_source.nodes import YamlPath

_TECHNIQUE_PATTERN = re.compile(r"t\d{4}(\.\d{3})?")
_OTHER_ID_PATTERN = re.compile(r"(?:[gs]|ta)\d{4}")

_KEY_QUESTIONS = {
    "description": "what does it mean when this fires?",
    "references": "where can one read about it?",
    "falsepositives": "what else does this?",
}
"""By key that Sigma does not require, the question that it answers."""


def lint_metadata(document: YamlDocument, rule: Rule, *, is_correlated: bool) -> Iterator[Problem]:
    """Warnings about tags and keys; `is_correlated`: whether a correlation looks at the rule."""
    yield from _lint_tags(document)
    yield from find_misspelt_keys(document)
    if has_timeframe(document):
        message = "a timeframe means nothing beside this condition: a correlation has a timespan"
        yield document.build_problem(("detection", TIMEFRAME_KEY), message)
    if not rule.raises_alert:
        if not is_correlated:
            message = "no correlation looks at this rule, and it tells nobody of what it finds"
            yield document.build_problem((COLLECTOR_KEY, "alert"), message)
        return
    for key, question in _KEY_QUESTIONS.items():
        if not document.data.get(key):
            yield document.build_problem(("title",), f"no {key}: {question}")
    if not has_level(document):
        message = f"no level: it is {DEFAULT_LEVEL}; how bad is what it tells of?"
        yield document.build_problem(("title",), message)
    if not rule.tests:
        yield document.build_problem(("title",), "no tests: nobody knows whether it can fire")


def _lint_tags(document: YamlDocument) -> Iterator[Problem]:
    tags = dict(_list_attack_tags(document))
    ids = [name for name in tags.values() if _TECHNIQUE_PATTERN.fullmatch(name)]
    techniques = [found for name in ids if (found := mitre_attack.find_technique(name))]
    for place, name in tags.items():
        if _OTHER_ID_PATTERN.fullmatch(name):
            continue
        if _TECHNIQUE_PATTERN.fullmatch(name):
            if mitre_attack.find_technique(name) is None:
                message = f"{name.upper()} is no technique that this version knows"
                yield document.build_problem(place, message)
        elif (tactic := name.replace("_", "-")) not in mitre_attack.list_tactics():
            yield document.build_problem(place, f"{name!r} is no tactic that this version knows")
        elif len(techniques) == len(ids) and not mitre_attack.has_tactic(techniques, tactic):
            yield document.build_problem(
                place, f"no technique of {tactic} is named beside the tactic"
            )


def _list_attack_tags(document: YamlDocument) -> Iterator[tuple[YamlPath, str]]:
    for position, tag in enumerate(document.data.get("tags") or ()):
        namespace, _, name = str(tag).lower().partition(".")
        if namespace == "attack":
            yield ("tags", position), name
