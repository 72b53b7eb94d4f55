"""Warnings about fields that a rule names although its event types are not known to have them."""

from __future__ import annotations

from collections.abc import Iterator

from collector.detect.event_schema import EventSchema
from collector.detect.language.aggregation_checks import find_aggregation_problems
from collector.detect.language.block_checks import find_block_problems
from collector.detect.language.block_scopes import choose_scopes
from collector.detect.language.collector_block import COLLECTOR_KEY, parse_collector_block
from collector.detect.language.correlation_block import CORRELATION_KEY
from collector.detect.language.detection_checks import find_detection_problems
from collector.detect.language.field_scope import FieldScope
from collector.detect.language.yaml_document import YamlDocument
from collector.detect.ruleset import RuleSet
from collector.errors import Problem
from collector.model import Correlation, Rule


def allows_unknown_fields(document: YamlDocument) -> bool:
    """Whether a valid rule says `unknown_fields: allow`."""
    return (document.data.get(COLLECTOR_KEY) or {}).get("unknown_fields") == "allow"


def lint_unknown_fields(rule: Rule, rules: RuleSet, *, schema: EventSchema) -> Iterator[Problem]:
    """What would be wrong with a rule that can be run if it had to name known fields only."""
    document = rules.documents[rule.name]
    if isinstance(rule.aggregation, Correlation):
        for name in dict.fromkeys(rule.aggregation.rules):
            if not isinstance(rules.by_name[name].aggregation, Correlation):
                yield from _lint_groups(
                    document,
                    rule.aggregation,
                    name,
                    _require_documents(rules.by_name[name], rules, schema),
                )
        return
    scope = _require_documents(rule, rules, schema)
    if allows_unknown_fields(document) or not all(map(scope.has_field, rule.fields)):
        yield from _lint_fields(document, scope)


def _require_documents(rule: Rule, rules: RuleSet, schema: EventSchema) -> FieldScope:
    """The fields that the events of a rule are documented to have."""
    return FieldScope(
        schema=schema, event_types=rule.event_types, lists=rules.lists, knows_files=False
    )


def _lint_fields(document: YamlDocument, scope: FieldScope) -> Iterator[Problem]:
    block = parse_collector_block(document)
    yield from find_detection_problems(document, scope)
    yield from find_aggregation_problems(document, block, scope)
    yield from find_block_problems(document, block, scope, choose_scopes(block, scope))


def _lint_groups(
    document: YamlDocument, correlation: Correlation, rule_name: str, scope: FieldScope
) -> Iterator[Problem]:
    for position, group in enumerate(correlation.group_by):
        field = correlation.aliases.get(group, {}).get(rule_name, group)
        if not scope.has_field(field):
            yield document.build_problem(
                (CORRELATION_KEY, "group-by", position),
                f"in rule {rule_name!r} {scope.explain_unknown_field(field)}",
            )
