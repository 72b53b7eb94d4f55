"""Correlation documents among the rules that they look at, as drafts or as problems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sigma.correlations import SigmaCorrelationRule

from collector.detect.event_schema import EventSchema
from collector.detect.language import block_scopes, correlation_block
from collector.detect.language import collector_block as blocks
from collector.detect.language.block_checks import find_block_problems
from collector.detect.language.collector_block import CollectorBlock
from collector.detect.language.correlation_block import CorrelationBlock
from collector.detect.language.correlation_checks import (
    CorrelationContext,
    find_correlation_problems,
    find_foreign_keys,
)
from collector.detect.language.document_library import DocumentLibrary, read_name
from collector.detect.language.field_scope import FieldScope
from collector.detect.language.metadata_checks import find_metadata_problems, parse_sigma_rule
from collector.detect.language.rule_drafts import CorrelationDraft, RuleDraft
from collector.detect.language.yaml_document import YamlDocument
from collector.errors import Problem, RulesError


def read_correlations(
    library: DocumentLibrary, drafts: Mapping[str, RuleDraft], schema: EventSchema
) -> tuple[list[CorrelationDraft], list[Problem]]:
    """The correlations in which nothing is wrong, each after all that it looks at."""
    problems: list[Problem] = []
    mappings: dict[str, CorrelationBlock] = {}
    documents = library.select_by_kind("correlation")
    for document in documents:
        try:
            mappings[read_name(document)] = correlation_block.parse_correlation(document)
        except RulesError as error:
            problems += error.problems
    called = library.index_by_reference()
    around = CorrelationContext(
        library=library, documents_by_reference=called, drafts=drafts, correlations=mappings
    )
    found = []
    for document in documents:
        try:
            found.append(_build_draft(document, around, schema))
        except RulesError as error:
            problems += error.problems
    if not problems:
        found.sort(key=lambda each: _measure_depth(each.name, around))
    return found, problems


def collect_generate_flags(drafts: Sequence[CorrelationDraft]) -> dict[str, bool]:
    """Of each rule that correlations look at, whether one of them lets it alert by itself."""
    result: dict[str, bool] = {}
    for each in drafts:
        for name in each.rules:
            result[name] = result.get(name, False) or each.correlation.generate
    return result


def _build_draft(
    document: YamlDocument, context: CorrelationContext, schema: EventSchema
) -> CorrelationDraft:
    problems = list(find_metadata_problems(document))
    mapping = context.correlations.get(read_name(document))
    if mapping is not None:
        problems += find_correlation_problems(document, mapping, context)
    try:
        block = blocks.parse_collector_block(document)
    except RulesError as error:
        raise RulesError([*problems, *error.problems]) from None
    problems += find_foreign_keys(document, block)
    if mapping is None:
        raise RulesError(problems)
    events = FieldScope(schema=schema, event_types=())
    names = block_scopes.build_correlation_scopes(mapping.group_by, schema)
    problems += find_block_problems(document, _clear_event_types(block), events, names)
    if problems:
        raise RulesError(problems)
    return CorrelationDraft(
        document=document,
        block=block,
        correlation=mapping,
        block_scopes=names,
        sigma=parse_sigma_rule(document, SigmaCorrelationRule),
        rules=tuple(_resolve_names(mapping.rules, context)),
        aliases={
            alias: dict(zip(_resolve_names(fields, context), fields.values(), strict=True))
            for alias, fields in mapping.aliases.items()
        },
    )


def _clear_event_types(block: CollectorBlock) -> CollectorBlock:
    """The types of a block that cannot have any are told of once."""
    return block.model_copy(update={"event_types": []})


def _resolve_names(
    references: list[str] | dict[str, str], context: CorrelationContext
) -> Iterator[str]:
    for reference in references:
        if (name := context.resolve_name(reference)) is not None:
            yield name


def _measure_depth(name: str, context: CorrelationContext) -> int:
    """How many correlations lie below one another below it."""
    return max(
        (_measure_depth(each, context) + 1 for each in context.list_inner_correlations(name)),
        default=0,
    )
