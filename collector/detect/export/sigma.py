"""Rules as plain Sigma, without the `collector:` block: for tools that read Sigma alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import yaml

from collector.detect.export import ExportedRule
from collector.detect.export.foreign_words import explain_foreign_words
from collector.detect.export.inlined_lists import inline_lists
from collector.detect.export.rule_conditions import (
    explain_unnamed_rules,
    render_rule_condition,
)
from collector.detect.export.severity_levels import build_level_rules, split_by_level
from collector.detect.language.collector_block import COLLECTOR_KEY
from collector.detect.language.yaml_document import YamlDocument
from collector.detect.predicates.sql_literals import UnsupportedSigmaError
from collector.detect.ruleset import RuleSet
from collector.model import Baseline, Correlation, FirstSeen, Rule
from collector.model.rules import COPY_MARK

_EVENT_TYPES = "_event_types"
"""The selection with the rule's event types; `them` does not include it."""

_UNSUPPORTED_KINDS: Mapping[type, str] = {
    FirstSeen: "Sigma has no words for what is seen for the first time",
    Baseline: "Sigma has no words for a measure held against its past or its peers",
}

SigmaDocument = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _ExportContext:
    """The rules, and the time at which their lists are read."""

    rules: RuleSet
    expires_after: datetime


def export_rules(rules: RuleSet, *, at: datetime) -> Iterator[ExportedRule]:
    """Every rule as Sigma documents that are valid wherever Sigma is read.

    A severity ladder becomes one rule for each level, of which exactly one holds; what a
    correlation looks at stays whole beside them. Lists are written out, without the entries that
    have expired by `at`.
    """
    context = _ExportContext(rules=rules, expires_after=at)
    for rule in rules.rules:
        reason = _explain_unsupported(rule, context)
        text = "" if reason else _dump_documents(_build_documents(rule, context))
        yield ExportedRule(rule=rule.name, text=text, reason=reason)


class _SigmaDumper(yaml.SafeDumper):
    """Writes text of several lines as blocks, and repeated values without aliases."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - yaml asks of every value
        return True


def _represent_text(dumper: _SigmaDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_SigmaDumper.add_representer(str, _represent_text)


def _dump_documents(documents: Sequence[SigmaDocument]) -> str:
    return yaml.dump_all(
        documents, Dumper=_SigmaDumper, sort_keys=False, allow_unicode=True, width=100
    )


def _explain_unsupported(rule: Rule, context: _ExportContext) -> str:
    """Why Sigma cannot express the rule; empty where it can."""
    if reason := _UNSUPPORTED_KINDS.get(type(rule.aggregation)):
        return reason
    if isinstance(rule.aggregation, Correlation):
        if reason := _explain_unsupported_correlation(rule.aggregation):
            return reason
        parts = [context.rules.by_name[name] for name in rule.aggregation.members]
        broken = [part.name for part in parts if _explain_unsupported(part, context)]
        return f"it looks at {broken[0]}, which Sigma has no words for" if broken else ""
    try:
        _build_detection(context.rules.documents[rule.name], context)
    except UnsupportedSigmaError as error:
        return str(error)
    if reason := explain_foreign_words(context.rules.documents[rule.name]):
        return reason
    is_asked = context.rules.is_asked(rule)
    return "" if is_asked else "it tells nobody, and no correlation looks at it"


def _explain_unsupported_correlation(correlation: Correlation) -> str:
    if correlation.link is not None:
        return "Sigma has no words for an event that links others"
    return explain_unnamed_rules(correlation)


def _build_documents(rule: Rule, context: _ExportContext) -> list[SigmaDocument]:
    return [_rename_copies(each) for each in _build_named_documents(rule, context)]


def _rename_copies(document: SigmaDocument) -> SigmaDocument:
    """The document with copies of rules called as rules may be, wherever it names them."""
    renamed = {**document, "name": _rename_copy(document["name"])}
    if mapping := document.get("correlation"):
        names = mapping["rules"] if isinstance(mapping["rules"], list) else [mapping["rules"]]
        aliases = {
            alias: {_rename_copy(name): field for name, field in fields.items()}
            for alias, fields in (mapping.get("aliases") or {}).items()
        }
        renamed["correlation"] = {**mapping, "rules": list(map(_rename_copy, names))}
        renamed["correlation"] |= {"aliases": aliases} if aliases else {}
    return renamed


def _rename_copy(name: str) -> str:
    return name.replace(COPY_MARK, "--")


def _build_named_documents(rule: Rule, context: _ExportContext) -> list[SigmaDocument]:
    document = context.rules.documents[rule.name]
    if isinstance(rule.aggregation, Correlation):
        return [_build_correlation(document, rule.aggregation, context)]
    whole = _build_document(document, rule, context)
    conditions = split_by_level(document)
    if not rule.raises_alert or len(conditions) == 1:
        return [whole]
    return [
        *([whole] if rule.name in context.rules.correlation_inputs else []),
        *build_level_rules(whole, document, conditions),
    ]


def _build_document(document: YamlDocument, rule: Rule, context: _ExportContext) -> SigmaDocument:
    """The rule without its block; its event types become a selection, a single one the service."""
    data = {key: value for key, value in document.data.items() if key != COLLECTOR_KEY}
    detection = _build_detection(document, context)
    condition = detection.pop("condition")
    if isinstance(condition, list):
        condition = " or ".join(f"({each})" for each in condition)
    types = list(rule.event_types)
    if len(types) == 1:
        data["logsource"] = {**data["logsource"], "service": types[0]}
    elif types:
        detection[_EVENT_TYPES] = {"event_type": types}
        condition = f"{_EVENT_TYPES} and ({condition})"
    return {**data, "detection": {**detection, "condition": condition}}


def _build_detection(document: YamlDocument, context: _ExportContext) -> SigmaDocument:
    """The detection with its lists written out. Raises UnsupportedSigmaError."""
    return {
        name: value
        if name == "condition"
        else inline_lists(value, context.rules.lists, context.expires_after)
        for name, value in document.data["detection"].items()
    }


def _build_correlation(
    document: YamlDocument, correlation: Correlation, context: _ExportContext
) -> SigmaDocument:
    """The correlation; `generate` where the rules that it looks at raise alerts of their own."""
    data = {key: value for key, value in document.data.items() if key != COLLECTOR_KEY}
    parts = [context.rules.by_name[name] for name in correlation.members]
    generates = any(part.raises_alert and _has_single_level(part, context) for part in parts)
    mapping = {**data["correlation"], "generate": generates}
    if isinstance(mapping.get("condition"), str):
        mapping["condition"] = render_rule_condition(correlation)
    return {**data, "correlation": mapping}


def _has_single_level(rule: Rule, context: _ExportContext) -> bool:
    """Whether a rule has one severity for all events, so that it stays one rule."""
    return (
        isinstance(rule.aggregation, Correlation)
        or len(split_by_level(context.rules.documents[rule.name])) == 1
    )
