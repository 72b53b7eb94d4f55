"""Problems of the `collector:` block beyond its shape, each at its line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from collector.detect import title_template
from collector.detect.language.aggregation_checks import find_unknown_fields
from collector.detect.language.block_scopes import BlockScopes
from collector.detect.language.collector_block import (
    COLLECTOR_KEY,
    CollectorBlock,
    RuleTestBlock,
    SeverityCondition,
)
from collector.detect.language.detection_checks import find_item_problem, find_when_problem
from collector.detect.language.document_library import read_service
from collector.detect.language.field_scope import FieldScope
from collector.detect.language.yaml_document import YamlDocument
from collector.errors import Problem
from collector.yaml_source.nodes import YamlPath
from collector.yaml_source.suggestions import find_nearest_name


def resolve_event_types(document: YamlDocument, block: CollectorBlock) -> tuple[str, ...]:
    """The event types of the rule; none where it is about every event."""
    service = read_service(document)
    return tuple(block.event_types) if service is None else (service,)


def find_block_problems(
    document: YamlDocument, block: CollectorBlock, scope: FieldScope, block_scopes: BlockScopes
) -> Iterator[Problem]:
    """The problems of the block beyond its shape, for a rule over events of a scope."""
    yield from _find_type_problems(document, block, scope)
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
    for position, example in enumerate(block.tests):
        yield from _find_test_problems(document, example, (COLLECTOR_KEY, "tests", position), scope)


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
                yield document.build_problem((*place, "field"), message)
    if each.when is not None and (message := _find_when_problem(document, each.when, block_scopes)):
        yield document.build_problem((*place, "when"), message)


def _find_when_problem(document: YamlDocument, when: str, block_scopes: BlockScopes) -> str | None:
    if block_scopes.allows_selections:
        return find_when_problem(document, when)
    return "'when' is about an event, and this rule tells of windows: compare a 'field'"


def _find_title_problems(document: YamlDocument, text: str, scope: FieldScope) -> Iterator[Problem]:
    try:
        template = title_template.parse_template(text, scope.has_field)
    except ValueError as error:
        yield document.build_problem((COLLECTOR_KEY, "title"), str(error))
        return
    for part in template.parts:
        fallback = part.fallback if isinstance(part, title_template.TitleSlot) else None
        if fallback and _is_misspelt(fallback, scope):
            message = f"{fallback!r} is no field; write it in words if it is meant as text"
            yield document.build_problem((COLLECTOR_KEY, "title"), message)


def _is_misspelt(fallback: str, scope: FieldScope) -> bool:
    if not re.fullmatch(r"\w+", fallback):
        return False
    return find_nearest_name(fallback, sorted(scope.schema.column_types)) is not None


def _find_test_problems(
    document: YamlDocument, rule_test: RuleTestBlock, place: YamlPath, scope: FieldScope
) -> Iterator[Problem]:
    name = rule_test.event_type
    if name is not None and (message := scope.schema.find_type_problem(name)):
        yield document.build_problem((*place, "event_type"), message)
    if name is None and len(scope.event_types) != 1:
        yield from _find_untyped_events(document, rule_test.events, (*place, "events"))


def _find_untyped_events(
    document: YamlDocument, events: Iterable[Any], place: YamlPath
) -> Iterator[Problem]:
    for position, event in enumerate(events):
        attributes = event.get("attributes")
        has_type = isinstance(attributes, dict) and "type" in attributes
        if not has_type and "EVENT_TYPE" not in event:
            message = "of which type? Give the test an 'event_type', or the event its EVENT_TYPE"
            yield document.build_problem((*place, position), message)
