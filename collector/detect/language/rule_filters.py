"""Sigma filters: their additions to the rules that they name, and their problems.

The condition is added as it is written, as pySigma does: an exception reads `not selection`. A rule
whose events lack a field of the filter stays as it is, whatever the condition would say without it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sigma.filters import SigmaFilter
from sigma.rule import SigmaDetections

from collector.detect.event_schema import EventSchema
from collector.detect.language.detection_checks import find_detection_problems
from collector.detect.language.document_library import read_service
from collector.detect.language.field_scope import FILES_ADVICE, FieldScope
from collector.detect.language.metadata_checks import find_metadata_problems, parse_sigma_rule
from collector.detect.language.rule_drafts import RuleDraft
from collector.detect.language.yaml_document import ForeignPlace, YamlDocument
from collector.detect.lists import ValueLists
from collector.errors import Problem, RulesError
from collector.yaml_source.nodes import YamlPath

FILTER_KEY = "filter"
ANY_RULE = "any"

_FILTER_ONLY_KEYS = frozenset({"rules", "condition"})
_TOKEN_PATTERN = re.compile(r"[\w*-]+")
_CONDITION_KEYWORDS = frozenset({"not", "and", "or", "all", "any", "of", "1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFilter:
    """A filter without problems of its own.

    Attributes:
        document: as it is written.
        detection_document: the same as a rule, with the filter as its detection.
        references: the names, ids or globs of its rules; None for any rule.
        service: the event type whose rules it is for; None for all.
    """

    document: YamlDocument
    detection_document: YamlDocument
    references: tuple[str, ...] | None
    service: str | None

    def applies_to(self, draft: RuleDraft) -> bool:
        """Whether the filter is for the event types of a rule."""
        return self.service is None or draft.scope.event_types == (self.service,)


def read_filter(document: YamlDocument, schema: EventSchema, lists: ValueLists) -> RuleFilter:
    """The filter of a document. Raises RulesError with every problem of its own."""
    problems = list(find_metadata_problems(document))
    mapping = document.data[FILTER_KEY]
    if not isinstance(mapping, dict):
        raise RulesError(
            [*problems, document.build_problem((FILTER_KEY,), "'filter' must hold keys")]
        )
    service = read_service(document)
    if service is not None and (message := schema.find_type_problem(service)):
        problems.append(document.build_problem(("logsource", "service"), message))
    problems += _find_shape_problems(document, mapping)
    if not problems:
        detection_document = _convert_to_rule(document, mapping)
        event_types = () if service is None else (service,)
        scope = FieldScope(schema=schema, event_types=event_types, lists=lists, advice=FILES_ADVICE)
        problems += find_detection_problems(detection_document, scope)
    if problems:
        raise RulesError(problems)
    parse_sigma_rule(document, SigmaFilter)
    references = _normalize_references(mapping["rules"])
    return RuleFilter(
        document=document,
        detection_document=detection_document,
        references=references,
        service=service,
    )


def _find_shape_problems(document: YamlDocument, mapping: Mapping[str, Any]) -> Iterator[Problem]:
    rules = mapping.get("rules")
    names = [rules] if isinstance(rules, str) else rules
    if names is None:
        yield document.build_problem(
            (FILTER_KEY,), "missing key 'rules': names or ids of rules, or any"
        )
    elif not isinstance(names, list) or not all(isinstance(each, str) for each in names):
        yield document.build_problem(
            (FILTER_KEY, "rules"), "'rules' are names or ids of rules, or any"
        )
    if not isinstance(mapping.get("condition", ""), str):
        yield document.build_problem(
            (FILTER_KEY, "condition"), "the condition of a filter is one text"
        )


def _normalize_references(rules: str | Sequence[str]) -> tuple[str, ...] | None:
    names = (rules,) if isinstance(rules, str) else tuple(rules)
    return None if not names or [name.lower() for name in names] == [ANY_RULE] else names


def _convert_to_rule(document: YamlDocument, mapping: Mapping[str, Any]) -> YamlDocument:
    """The document with its `filter` called `detection`, so that places stay where they are."""
    entries = {
        "detection" if key == FILTER_KEY else key: entry
        for key, entry in document.node.entries.items()
    }
    detection = {name: each for name, each in mapping.items() if name != "rules"}
    return replace(
        document,
        node=replace(document.node, value=entries),
        data={**document.data, "detection": detection},
    )


# ---- adding to a rule


def add_filters(draft: RuleDraft, filters: Sequence[RuleFilter]) -> RuleDraft:
    """The rule with the selections and conditions of filters beside its own."""
    if not filters:
        return draft
    document, earlier = draft.filtered_document, len(draft.filters)
    detection: dict[str, Any] = document.data["detection"]
    places = dict(document.foreign_places)
    for position, rule_filter in enumerate(filters, start=earlier):
        prefix = f"_filter{len(detection)}_"
        places |= _place_selections(rule_filter, prefix)
        detection = _merge_detections(detection, rule_filter, prefix, is_first=position == 0)
    data = {**document.data, "detection": detection}
    return replace(
        draft,
        filtered_document=replace(document, data=data, foreign_places=places),
        detections=SigmaDetections.from_dict(detection),
        filters=(*draft.filters, *(each.document for each in filters)),
    )


def _merge_detections(
    detection: Mapping[str, Any], rule_filter: RuleFilter, prefix: str, *, is_first: bool
) -> dict[str, Any]:
    filter_detection = rule_filter.detection_document.data["detection"]
    selections = {
        prefix + name: selection
        for name, selection in filter_detection.items()
        if name not in _FILTER_ONLY_KEYS
    }
    condition = f"({_prefix_selections(filter_detection['condition'], prefix)})"
    join = join_conditions if is_first else _append_condition
    return {**detection, **selections, "condition": join(detection["condition"], condition)}


def _place_selections(rule_filter: RuleFilter, prefix: str) -> dict[YamlPath, ForeignPlace]:
    """Where the selections of a filter are written, by their places in a filtered rule."""
    document = rule_filter.document
    return {
        ("detection", prefix + name): ForeignPlace(
            path=document.path,
            position=document.node.find_position((FILTER_KEY, name)),
            node=document.node.follow_path((FILTER_KEY, name)),
        )
        for name in document.data[FILTER_KEY].keys() - _FILTER_ONLY_KEYS
    }


def _prefix_selections(condition: str, prefix: str) -> str:
    """A condition over the same selections by their new names."""

    def add_prefix(token: re.Match[str]) -> str:
        name = token[0]
        if name in _CONDITION_KEYWORDS:
            return name
        return f"{prefix}*" if name == "them" else prefix + name

    return _TOKEN_PATTERN.sub(add_prefix, condition)


def join_conditions(condition: str | list[str], further: str) -> str | list[str]:
    """The condition of a detection, each of its alternatives with a further one."""
    if isinstance(condition, list):
        return [f"({each}) and {further}" for each in condition]
    return f"({condition}) and {further}"


def _append_condition(condition: str | list[str], further: str) -> str | list[str]:
    """The same of a condition that `join_conditions` has made: side by side, not nested."""
    if isinstance(condition, list):
        return [f"{each} and {further}" for each in condition]
    return f"{condition} and {further}"
