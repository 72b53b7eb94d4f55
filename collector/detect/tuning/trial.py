"""Documents parsed for their problems alone: before tuning, and with it."""

from __future__ import annotations

from collections.abc import Sequence

from collector.detect.event_schema import EventSchema
from collector.detect.language.block_checks import find_block_problems
from collector.detect.language.block_scopes import build_correlation_scopes
from collector.detect.language.collector_block import COLLECTOR_KEY, parse_collector_block
from collector.detect.language.correlation_block import CORRELATION_KEY, parse_correlation
from collector.detect.language.document_library import read_service
from collector.detect.language.field_scope import FieldScope
from collector.detect.language.rule_drafts import build_rule_draft
from collector.detect.language.yaml_document import YamlDocument
from collector.detect.lists import ValueLists
from collector.errors import Problem, RulesError


def find_document_problems(
    document: YamlDocument, schema: EventSchema, lists: ValueLists
) -> Sequence[Problem]:
    """What is wrong with a rule by itself; of a correlation, without the rules it looks at."""
    try:
        if CORRELATION_KEY not in document.data:
            build_rule_draft(document, schema, lists)
            return ()
        return _find_correlation_problems(document, schema)
    except RulesError as error:
        return error.problems


def _find_correlation_problems(document: YamlDocument, schema: EventSchema) -> Sequence[Problem]:
    correlation = parse_correlation(document)
    block = parse_collector_block(document)
    scopes = build_correlation_scopes(correlation, (), schema)
    events = FieldScope(schema=schema, event_types=())
    block = block.model_copy(update={"event_types": []})  # what those mean is told elsewhere
    return list(find_block_problems(document, block, events, scopes))


def build_event_scope(document: YamlDocument, schema: EventSchema, lists: ValueLists) -> FieldScope:
    """The fields of the events of a rule in which nothing is wrong."""
    service = read_service(document)
    block = document.data.get(COLLECTOR_KEY) or {}
    event_types = (service,) if service is not None else tuple(block.get("event_types") or ())
    return FieldScope(schema=schema, event_types=event_types, lists=lists)
