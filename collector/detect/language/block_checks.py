"""Problems of the `collector:` block beyond its shape, each at its line."""

from __future__ import annotations

from collections.abc import Iterator

from collector.detect import title_template
from collector.detect.language.aggregation_checks import find_unknown_fields
from collector.detect.language.asked_rules import AskedRule
from collector.detect.language.block_scopes import BlockScopes
from collector.detect.language.collector_block import (
    COLLECTOR_KEY,
    CollectorBlock,
    SeverityCondition,
)
from collector.detect.language.detection_checks import find_item_problem, find_when_problem
from collector.detect.language.document_library import read_service
from collector.detect.language.field_scope import FieldScope
from collector.detect.language.list_conditions import ListCondition, find_list_condition_problem
from collector.detect.language.member_cases import find_member_problem
from collector.detect.language.rule_test_checks import find_rule_test_problems
from collector.detect.language.yaml_document import YamlDocument
from collector.errors import Problem
from collector.yaml_source.nodes import YamlPath


def resolve_event_types(document: YamlDocument, block: CollectorBlock) -> tuple[str, ...]:
    """The event types of the rule; none where it is about every event."""
    service = read_service(document)
    return tuple(block.event_types) if service is None else (service,)


def find_block_problems(
    document: YamlDocument, block: CollectorBlock, scope: FieldScope, block_scopes: BlockScopes
) -> Iterator[Problem]:
    """The problems of the block beyond its shape, for a rule over events of a scope."""
    yield from _find_type_problems(document, block, scope)
    if block.link is not None and block_scopes.rule_names is None:
        message = "a link goes with a correlation, whose events it fills"
        yield document.build_problem((COLLECTOR_KEY, "link"), message)
    for name in ("severity", "severity_step"):
        for position, each in enumerate(getattr(block, name)):
            yield from _find_comparison_problems(
                document, each, (COLLECTOR_KEY, name, position), block_scopes
            )
    if block.title is not None:
        yield from _find_title_problems(document, block.title, block_scopes.title)
    for key in sorted(block.dedup.model_fields_set & {"key", "fallback"}):
        place = (COLLECTOR_KEY, "dedup", key)
        fields = getattr(block.dedup, key)
        yield from find_unknown_fields(document, fields, place, block_scopes.dedup_key)
    yield from find_rule_test_problems(document, block, scope)


def _find_type_problems(
    document: YamlDocument, block: CollectorBlock, scope: FieldScope
) -> Iterator[Problem]:
    places: dict[YamlPath, str] = {
        (COLLECTOR_KEY, "event_types", position): name
        for position, name in enumerate(block.event_types)
    }
    service = read_service(document)
    if service is not None and block.event_types:
        yield document.build_problem(
            (COLLECTOR_KEY, "event_types"), "event_types and a service: name one of them"
        )
    elif service is not None:
        places[("logsource", "service")] = service
    for place, name in places.items():
        if message := scope.schema.find_type_problem(name):
            yield document.build_problem(place, message)


def _find_comparison_problems(
    document: YamlDocument, each: SeverityCondition, place: YamlPath, block_scopes: BlockScopes
) -> Iterator[Problem]:
    comparisons = each.detection_items
    if each.when is None and each.field is None:
        yield document.build_problem(place, "a case needs 'when', or 'field' with a comparison")
    elif (each.field is None) != (not comparisons):
        yield document.build_problem(
            place, "'field' and a comparison (gte, gt, lte, lt, eq) go together"
        )
    elif each.field is not None:
        for key, value in comparisons.items():
            if message := find_item_problem(key, value, block_scopes.cases):
                yield document.build_problem(*_locate_comparison(key, place, message))
    if problem := find_member_problem(each, block_scopes.rule_names, block_scopes.groups):
        yield document.build_problem((*place, problem[0]), problem[1])
    elif each.when and (message := _find_when_problem(document, each.when, block_scopes)):
        yield document.build_problem((*place, "when"), message)


def _locate_comparison(key: str, place: YamlPath, message: str) -> tuple[YamlPath, str]:
    """Where a comparison is wrong, and in which words: in the bound where that is a field."""
    modifiers = key.split("|")[1:]
    if "fieldref" in modifiers:
        return (
            *place,
            modifiers[-1],
        ), f"{modifiers[-1]!r} must be a number or a field: {message}"
    return (*place, "field"), message


def _find_when_problem(
    document: YamlDocument, when: str | ListCondition | AskedRule, block_scopes: BlockScopes
) -> str | None:
    if block_scopes.allows_selections and isinstance(when, ListCondition):
        return find_list_condition_problem(document, when, block_scopes.cases)
    if block_scopes.allows_selections and isinstance(when, str):
        return find_when_problem(document, when)
    if block_scopes.rule_names is not None:
        return None  # a rule, as `find_member_problem` and `find_asked_problems` have seen
    if isinstance(when, AskedRule):
        return "'when' about another rule goes with a correlation, whose window both are in"
    return "'when' is about an event, and this rule tells of windows: compare a 'field'"


def _find_title_problems(document: YamlDocument, text: str, scope: FieldScope) -> Iterator[Problem]:
    try:
        title_template.parse_template(text, scope.has_field)
    except ValueError as error:
        yield document.build_problem((COLLECTOR_KEY, "title"), str(error))
