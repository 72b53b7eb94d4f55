"""Sigma filters: their additions to the rules that they name, and their problems.

The condition is added as it is written, as pySigma does: an exception reads `not selection`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from sigma.filters import SigmaFilter
from sigma.rule import SigmaDetections

from collector.detect.event_schema import EventSchema
from collector.detect.language.detection_checks import find_detection_problems
from collector.detect.language.document_library import (
    DocumentLibrary,
    determine_kind,
    normalize_reference,
    read_name,
    read_service,
)
from collector.detect.language.field_scope import FieldScope
from collector.detect.language.metadata_checks import find_metadata_problems, parse_sigma_rule
from collector.detect.language.rule_drafts import RuleDraft
from collector.detect.language.yaml_document import YamlDocument
from collector.detect.lists import ValueLists
from collector.errors import Problem, RulesError

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
            [*problems, document.build_problem((FILTER_KEY,), "'filter' should be a mapping")]
        )
    service = read_service(document)
    if service is not None and (message := schema.find_type_problem(service)):
        problems.append(document.build_problem(("logsource", "service"), message))
    problems += _find_shape_problems(document, mapping)
    if not problems:
        detection_document = _convert_to_rule(document, mapping)
        event_types = () if service is None else (service,)
        scope = FieldScope(schema=schema, event_types=event_types, lists=lists)
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


# ---- applying filters


def apply_filters(
    filters: Sequence[RuleFilter], drafts: Mapping[str, RuleDraft], library: DocumentLibrary
) -> tuple[dict[str, RuleDraft], list[Problem]]:
    """The drafts with filters applied, and the problems of filters among rules."""
    problems: list[Problem] = []
    result = dict(drafts)
    for rule_filter in filters:
        target_problems, names = _resolve_targets(rule_filter, library)
        problems += target_problems
        targets = [drafts[name] for name in names if name in drafts]
        applicable = [draft for draft in targets if rule_filter.applies_to(draft)]
        if rule_filter.references and targets and not applicable:
            message = (
                f"none of these rules is about {rule_filter.service} alone, so it filters nothing"
            )
            problems.append(rule_filter.document.build_problem((FILTER_KEY, "rules"), message))
        for draft in applicable:
            found = list(_find_problems_for_rule(rule_filter, draft))
            problems += found
            result[draft.name] = draft if found else _add_filter(result[draft.name], rule_filter)
    return result, problems


def _resolve_targets(
    rule_filter: RuleFilter, library: DocumentLibrary
) -> tuple[list[Problem], list[str]]:
    """The problems of a filter's references, and the names of its rules."""
    rules = [read_name(document) for document in library.select_by_kind("rule")]
    if rule_filter.references is None:
        return [], rules
    problems, names = [], []
    documents = library.index_by_reference()
    for position, reference in enumerate(rule_filter.references):
        place = (FILTER_KEY, "rules", position)
        matching = [name for name in rules if fnmatchcase(name, reference)]
        found = documents.get(normalize_reference(reference))
        if found is not None and determine_kind(found) == "correlation":
            problems.append(rule_filter.document.build_problem(place, _CORRELATION_MESSAGE))
        elif found is not None:
            names.append(read_name(found))
        elif matching:
            names += matching
        elif not library.has_disabled(reference):
            message = library.explain_missing(reference)
            problems.append(rule_filter.document.build_problem(place, message))
    return problems, list(dict.fromkeys(names))


_CORRELATION_MESSAGE = "a correlation has no events to filter; name the rules that it looks at"


def _find_problems_for_rule(rule_filter: RuleFilter, draft: RuleDraft) -> Iterator[Problem]:
    for problem in find_detection_problems(rule_filter.detection_document, draft.scope):
        yield replace(problem, message=f"for rule {draft.name!r}: {problem.message}")


def _add_filter(draft: RuleDraft, rule_filter: RuleFilter) -> RuleDraft:
    detection = draft.filtered_document.data["detection"]
    filter_detection = rule_filter.detection_document.data["detection"]
    prefix = f"_filter{len(detection)}_"
    selections = {
        prefix + name: selection
        for name, selection in filter_detection.items()
        if name not in _FILTER_ONLY_KEYS
    }
    condition = f"({_prefix_selections(filter_detection['condition'], prefix)})"
    merged = {
        **detection,
        **selections,
        "condition": _join_conditions(detection["condition"], condition),
    }
    filtered = replace(
        draft.filtered_document, data={**draft.filtered_document.data, "detection": merged}
    )
    return replace(draft, filtered_document=filtered, detections=SigmaDetections.from_dict(merged))


def _prefix_selections(condition: str, prefix: str) -> str:
    """A condition over the same selections by their new names."""

    def add_prefix(token: re.Match[str]) -> str:
        name = token[0]
        if name in _CONDITION_KEYWORDS:
            return name
        return f"{prefix}*" if name == "them" else prefix + name

    return _TOKEN_PATTERN.sub(add_prefix, condition)


def _join_conditions(condition: str | list[str], further: str) -> str | list[str]:
    if isinstance(condition, list):
        return [f"({each}) and {further}" for each in condition]
    return f"({condition}) and {further}"
