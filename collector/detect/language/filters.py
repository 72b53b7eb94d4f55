"""Sigma filters: what they add to the rules that they name, and what is wrong with them.

The condition is added as it is written, as pySigma does: an exception reads `not selection`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

import yaml
from sigma.filters import SigmaFilter
from sigma.rule import SigmaDetections

from collector.detect.language.check_detection import detection_problems
from collector.detect.language.check_metadata import metadata_problems, parsed
from collector.detect.language.document import Document
from collector.detect.language.draft import Draft
from collector.detect.language.library import Library, kind_of, name_of, normal
from collector.detect.language.scope import Scope
from collector.detect.lists import Lists
from collector.detect.names import nearest
from collector.detect.schema import Schema
from collector.errors import Problem, RulesError

KEY = "filter"
ANY = "any"

_OF_FILTERS = frozenset({"rules", "condition"})
_TOKEN = re.compile(r"[\w*-]+")
_KEYWORDS = frozenset({"not", "and", "or", "all", "any", "of", "1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """A filter in which nothing is wrong as such.

    Attributes:
        document: as it is written.
        selecting: the same as if it were a rule, its selections and condition the detection.
        references: what it calls the rules; None for any rule.
        service: the event type whose rules it is for; None for all.
    """

    document: Document
    selecting: Document
    references: tuple[str, ...] | None
    service: str | None

    def fits(self, draft: Draft) -> bool:
        """Whether a rule's events are those that the filter is for."""
        return self.service is None or draft.scope.event_types == (self.service,)


def read(document: Document, schema: Schema, lists: Lists) -> Filter:
    """The filter of a document. Raises RulesError with all that is wrong with it alone."""
    problems = list(metadata_problems(document))
    mapping = document.data[KEY]
    if not isinstance(mapping, dict):
        raise RulesError([*problems, document.problem((KEY,), "'filter' should be a mapping")])
    service = _service(document)
    if service is not None and service not in (known := schema.event_types()):
        message = f"unknown event type {service!r}{nearest(service, known)}"
        problems.append(document.problem(("logsource", "service"), message))
    problems += _shape_problems(document, mapping)
    if not problems:
        selecting = _as_rule(document, mapping)
        event_types = () if service is None else (service,)
        everywhere = Scope(schema=schema, event_types=event_types, lists=lists)
        problems += detection_problems(selecting, everywhere)
    if problems:
        raise RulesError(problems)
    parsed(document, SigmaFilter)
    references = _references(mapping["rules"])
    return Filter(document=document, selecting=selecting, references=references, service=service)


def _service(document: Document) -> str | None:
    logsource = document.data.get("logsource")
    service = logsource.get("service") if isinstance(logsource, dict) else None
    return None if service is None else str(service)


def _shape_problems(document: Document, mapping: Mapping[str, Any]) -> Iterator[Problem]:
    rules = mapping.get("rules")
    names = [rules] if isinstance(rules, str) else rules
    if names is None:
        yield document.problem((KEY,), "missing key 'rules': names or ids of rules, or any")
    elif not isinstance(names, list) or not all(isinstance(each, str) for each in names):
        yield document.problem((KEY, "rules"), "'rules' are names or ids of rules, or any")
    if not isinstance(mapping.get("condition", ""), str):
        yield document.problem((KEY, "condition"), "the condition of a filter is one text")


def _references(rules: str | Sequence[str]) -> tuple[str, ...] | None:
    names = (rules,) if isinstance(rules, str) else tuple(rules)
    return None if not names or [name.lower() for name in names] == [ANY] else names


def _as_rule(document: Document, mapping: Mapping[str, Any]) -> Document:
    """The document with its `filter` called `detection`, so that places stay where they are."""
    node = document.node
    pairs = [(_renamed(key), value) for key, value in node.value]
    detection = {name: each for name, each in mapping.items() if name != "rules"}
    return replace(
        document,
        node=yaml.MappingNode(node.tag, pairs, node.start_mark, node.end_mark),
        data={**document.data, "detection": detection},
    )


def _renamed(key: yaml.ScalarNode) -> yaml.ScalarNode:
    if key.value != KEY:
        return key
    return yaml.ScalarNode(key.tag, "detection", key.start_mark, key.end_mark)


# ---- among rules


def apply(
    filters: Sequence[Filter], drafts: Mapping[str, Draft], library: Library
) -> tuple[dict[str, Draft], list[Problem]]:
    """The drafts with what the filters add to them, and what is wrong with filters among rules."""
    problems: list[Problem] = []
    result = dict(drafts)
    for each in filters:
        wrong, targets = _targets(each, library)
        problems += wrong
        known = [drafts[name] for name in targets if name in drafts]
        fitting = [draft for draft in known if each.fits(draft)]
        if each.references and known and not fitting:
            message = f"none of these rules is about {each.service} alone, so it filters nothing"
            problems.append(each.document.problem((KEY, "rules"), message))
        for draft in fitting:
            found = list(_problems_over(each, draft))
            problems += found
            result[draft.name] = draft if found else _filtered(result[draft.name], each)
    return result, problems


def _targets(each: Filter, library: Library) -> tuple[list[Problem], list[str]]:
    """The names of the rules that a filter is about."""
    rules = [name_of(document) for document in library.of_kind("rule")]
    if each.references is None:
        return [], rules
    problems, names = [], []
    called = library.called()
    for position, reference in enumerate(each.references):
        fitting = [name for name in rules if fnmatchcase(name, reference)]
        found = called.get(normal(reference))
        if found is not None and kind_of(found) == "correlation":
            problems.append(each.document.problem((KEY, "rules", position), _CORRELATION))
        elif found is not None:
            names.append(name_of(found))
        elif fitting:
            names += fitting
        elif not library.has_disabled(reference):
            message = library.missing(reference)
            problems.append(each.document.problem((KEY, "rules", position), message))
    return problems, list(dict.fromkeys(names))


_CORRELATION = "a correlation has no events to filter; name the rules that it looks at"


def _problems_over(each: Filter, draft: Draft) -> Iterator[Problem]:
    for problem in detection_problems(each.selecting, draft.scope):
        yield replace(problem, message=f"for rule {draft.name!r}: {problem.message}")


def _filtered(draft: Draft, each: Filter) -> Draft:
    detection = draft.run.data["detection"]
    added = each.selecting.data["detection"]
    prefix = f"_filter{len(detection)}_"
    selections = {
        prefix + name: selection for name, selection in added.items() if name not in _OF_FILTERS
    }
    condition = f"({_prefixed(added['condition'], prefix)})"
    merged = {**detection, **selections, "condition": _both(detection["condition"], condition)}
    run = replace(draft.run, data={**draft.run.data, "detection": merged})
    return replace(draft, run=run, detections=SigmaDetections.from_dict(merged))


def _prefixed(condition: str, prefix: str) -> str:
    """A condition over the same selections by their new names."""

    def renamed(token: re.Match[str]) -> str:
        name = token[0]
        if name in _KEYWORDS:
            return name
        return f"{prefix}*" if name == "them" else prefix + name

    return _TOKEN.sub(renamed, condition)


def _both(condition: str | list[str], further: str) -> str | list[str]:
    if isinstance(condition, list):
        return [f"({each}) and {further}" for each in condition]
    return f"({condition}) and {further}"
