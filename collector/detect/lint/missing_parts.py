"""Warnings about event types that a rule passes over, since they never have a part of its key."""

from __future__ import annotations

from collections.abc import Iterator

from collector.detect.event_schema import EventSchema
from collector.detect.language.collector_block import COLLECTOR_KEY
from collector.detect.language.correlation_block import CORRELATION_KEY
from collector.detect.language.yaml_document import YamlDocument
from collector.detect.ruleset import RuleSet
from collector.errors import Problem
from collector.model import Baseline, Correlation, FirstSeen, Rule
from collector.model.event_columns import NON_NULL_COLUMNS
from collector.yaml_source.nodes import YamlPath


def lint_missing_parts(
    document: YamlDocument, rule: Rule, rules: RuleSet, *, schema: EventSchema
) -> Iterator[Problem]:
    """Warnings about a key of `first_seen`, and groups of baselines and correlations.

    One for each part that some of the rule's types never have, though the others do.
    """
    match rule.aggregation:
        case FirstSeen(missing="skip"):
            names = document.data[COLLECTOR_KEY]["first_seen"]["key"]
            yield from _lint_parts(
                document, (COLLECTOR_KEY, "first_seen", "key"), names, rule, schema
            )
        case Baseline(missing="skip"):
            baseline = document.data[COLLECTOR_KEY]["baseline"]
            for part in ("group_by", "peers"):
                place: YamlPath = (COLLECTOR_KEY, "baseline", part)
                yield from _lint_parts(document, place, baseline.get(part, []), rule, schema)
        case Correlation():
            yield from _lint_groups(document, rule.aggregation, rules, schema)


def _lint_parts(
    document: YamlDocument, place: YamlPath, named: str | list[str], rule: Rule, schema: EventSchema
) -> Iterator[Problem]:
    for position, name in enumerate([named] if isinstance(named, str) else named):
        if lacking := _list_lacking(name, rule, schema):
            message = (
                f"{_render_types(lacking)} never has {name!r}: its events are passed over in"
                " silence; take it out, or say `missing: value` so that to lack it is a value"
            )
            yield document.build_problem((*place, position), message)


def _lint_groups(
    document: YamlDocument, correlation: Correlation, rules: RuleSet, schema: EventSchema
) -> Iterator[Problem]:
    for position, name in enumerate(correlation.group_by):
        for leaf in dict.fromkeys(correlation.rules):
            field = correlation.aliases.get(name, {}).get(leaf, name)
            lacking = _list_lacking(field, rules.by_name[leaf], schema)
            if correlation.link is not None and field in correlation.link.fills:
                unlinked = _list_lacking(correlation.link.by, rules.by_name[leaf], schema)
                lacking = [name for name in lacking if name in unlinked]
            if lacking:
                message = (
                    f"{_render_types(lacking)} never has {field!r}: what {leaf} matches there is"
                    " in no group; leave these types to a rule with groups of their own"
                )
                yield document.build_problem((CORRELATION_KEY, "group-by", position), message)


def _list_lacking(field: str, rule: Rule, schema: EventSchema) -> list[str]:
    """Those of the types of a rule over events that never have the field."""
    if field in NON_NULL_COLUMNS:
        return []
    return [name for name in rule.event_types if not schema.has_field(field, name)]


def _render_types(names: list[str]) -> str:
    return " or ".join(names)
