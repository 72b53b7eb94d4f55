"""Correlation documents among the rules that they look at, as drafts or as problems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sigma.correlations import SigmaCorrelationRule

from collector.detect.language import block as blocks
from collector.detect.language import correlation, naming
from collector.detect.language.block import Block
from collector.detect.language.check_block import block_problems
from collector.detect.language.check_correlation import (
    Neighbours,
    correlation_problems,
    foreign_problems,
)
from collector.detect.language.check_metadata import metadata_problems, parsed
from collector.detect.language.correlation import Correlation
from collector.detect.language.document import Document
from collector.detect.language.draft import CorrelationDraft, Draft
from collector.detect.language.library import Library, name_of
from collector.detect.language.scope import Scope
from collector.detect.schema import Schema
from collector.errors import Problem, RulesError


def read(
    library: Library, drafts: Mapping[str, Draft], schema: Schema
) -> tuple[list[CorrelationDraft], list[Problem]]:
    """The correlations in which nothing is wrong, each after all that it looks at."""
    problems: list[Problem] = []
    mappings: dict[str, Correlation] = {}
    documents = library.of_kind("correlation")
    for document in documents:
        try:
            mappings[name_of(document)] = correlation.parse(document)
        except RulesError as error:
            problems += error.problems
    called = library.called()
    around = Neighbours(library=library, called=called, drafts=drafts, mappings=mappings)
    found = []
    for document in documents:
        try:
            found.append(_draft(document, around, schema))
        except RulesError as error:
            problems += error.problems
    if not problems:
        found.sort(key=lambda each: _height(each.name, around))
    return found, problems


def generated(found: Sequence[CorrelationDraft]) -> dict[str, bool]:
    """Of each rule that correlations look at, whether one of them lets it alert by itself."""
    result: dict[str, bool] = {}
    for each in found:
        for name in each.rules:
            result[name] = result.get(name, False) or each.mapping.generate
    return result


def _draft(document: Document, around: Neighbours, schema: Schema) -> CorrelationDraft:
    problems = list(metadata_problems(document))
    mapping = around.mappings.get(name_of(document))
    if mapping is not None:
        problems += correlation_problems(document, mapping, around)
    try:
        block = blocks.parse(document)
    except RulesError as error:
        raise RulesError([*problems, *error.problems]) from None
    problems += foreign_problems(document, block)
    if mapping is None:
        raise RulesError(problems)
    events = Scope(schema=schema, event_types=())
    names = naming.of_correlation(mapping.group_by, schema)
    problems += block_problems(document, _without_types(block), events, names)
    if problems:
        raise RulesError(problems)
    return CorrelationDraft(
        document=document,
        block=block,
        mapping=mapping,
        naming=names,
        sigma=parsed(document, SigmaCorrelationRule),
        rules=tuple(_names(mapping.rules, around)),
        aliases={
            alias: dict(zip(_names(fields, around), fields.values(), strict=True))
            for alias, fields in mapping.aliases.items()
        },
    )


def _without_types(block: Block) -> Block:
    """The types of a block that cannot have any are told of once."""
    return block.model_copy(update={"event_types": []})


def _names(references: list[str] | dict[str, str], around: Neighbours) -> Iterator[str]:
    for reference in references:
        if (name := around.name(reference)) is not None:
            yield name


def _height(name: str, around: Neighbours) -> int:
    """How many correlations lie below one another below it."""
    return max((_height(each, around) + 1 for each in around.below(name)), default=0)
