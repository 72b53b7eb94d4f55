"""Correlation documents, checked against the rules that they look at, as drafts or problems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from collector.detect.event_schema import EventSchema
from collector.detect.language.absence_checks import parse_sigma_correlation
from collector.detect.language.asked_rule_checks import find_asked_problems, find_optional_rules
from collector.detect.language.block_checks import find_block_problems
from collector.detect.language.block_scopes import build_correlation_scopes
from collector.detect.language.collector_block import CollectorBlock, parse_collector_block
from collector.detect.language.correlation_block import CorrelationBlock, parse_correlation
from collector.detect.language.correlation_checks import (
    CorrelationContext,
    find_correlation_problems,
    find_foreign_keys,
)
from collector.detect.language.document_library import DocumentLibrary, read_name
from collector.detect.language.field_scope import FieldScope
from collector.detect.language.link_checks import find_link_problems
from collector.detect.language.metadata_checks import find_metadata_problems
from collector.detect.language.rule_drafts import CorrelationDraft, RuleDraft
from collector.detect.language.yaml_document import YamlDocument
from collector.errors import Problem, RulesError


def read_correlations(
    library: DocumentLibrary, drafts: Mapping[str, RuleDraft], schema: EventSchema
) -> tuple[list[CorrelationDraft], list[Problem]]:
    """The valid correlations, each after all that it looks at, and the problems.

    The order is that of the files where there are problems.
    """
    problems: list[Problem] = []
    blocks: dict[str, CorrelationBlock] = {}
    documents = library.select_by_kind("correlation")
    for document in documents:
        try:
            blocks[read_name(document)] = parse_correlation(document)
        except RulesError as error:
            problems += error.problems
    context = CorrelationContext(
        library=library,
        documents_by_reference=library.index_by_reference(),
        drafts=drafts,
        correlations=blocks,
        schema=schema,
    )
    correlations = []
    for document in documents:
        try:
            correlations.append(_build_draft(document, context, schema))
        except RulesError as error:
            problems += error.problems
    if not problems:
        correlations.sort(key=lambda each: _measure_depth(each.name, context))
    return correlations, problems


def _build_draft(
    document: YamlDocument, context: CorrelationContext, schema: EventSchema
) -> CorrelationDraft:
    """The draft of a document. Raises RulesError with every problem."""
    problems = list(find_metadata_problems(document))
    correlation = context.correlations.get(read_name(document))
    if correlation is not None:
        problems += find_correlation_problems(document, correlation, context)
        problems += find_asked_problems(document, correlation, context)
    try:
        block = parse_collector_block(document)
    except RulesError as error:
        raise RulesError([*problems, *error.problems]) from None
    problems += find_foreign_keys(document, block)
    if correlation is None:
        raise RulesError(problems)
    problems += find_link_problems(document, block, correlation, context)
    events = FieldScope(schema=schema, event_types=())
    optional = find_optional_rules(document, correlation, context)
    types = context.list_types(read_name(document))
    if types:
        types = frozenset().union(types, *map(context.list_types, optional.values()))
    scopes = build_correlation_scopes(correlation, types, schema)
    problems += find_block_problems(document, _clear_event_types(block), events, scopes)
    if problems:
        raise RulesError(problems)
    return CorrelationDraft(
        document=document,
        block=block,
        correlation=correlation,
        block_scopes=scopes,
        sigma=parse_sigma_correlation(document),
        schema=schema,
        rules=tuple(_resolve_names(correlation.rules, context)),
        optional_rules=optional,
        aliases={
            alias: dict(zip(_resolve_names(fields, context), fields.values(), strict=True))
            for alias, fields in correlation.aliases.items()
        },
    )


def _clear_event_types(block: CollectorBlock) -> CollectorBlock:
    """The block without event types, which `find_foreign_keys` already reports."""
    return block.model_copy(update={"event_types": []})


def _resolve_names(
    references: list[str] | dict[str, str], context: CorrelationContext
) -> Iterator[str]:
    for reference in references:
        if (name := context.resolve_name(reference)) is not None:
            yield name


def _measure_depth(name: str, context: CorrelationContext) -> int:
    """The number of levels of correlations below it."""
    return max(
        (_measure_depth(each, context) + 1 for each in context.list_inner_correlations(name)),
        default=0,
    )
