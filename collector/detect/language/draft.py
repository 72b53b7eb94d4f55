"""Rule documents in which nothing is wrong, with all that was read out of them once."""

from __future__ import annotations

from dataclasses import dataclass, field

from sigma.correlations import SigmaCorrelationRule
from sigma.rule import SigmaDetections, SigmaRule

from collector.detect.language import block as blocks
from collector.detect.language import naming as namings
from collector.detect.language.block import Block
from collector.detect.language.check_block import block_problems, event_types_of
from collector.detect.language.check_detection import detection_problems
from collector.detect.language.check_metadata import metadata_problems, parsed
from collector.detect.language.check_over import over_problems
from collector.detect.language.correlation import Correlation
from collector.detect.language.document import Document
from collector.detect.language.library import name_of
from collector.detect.language.naming import Naming
from collector.detect.language.scope import Scope
from collector.detect.lists import Lists
from collector.detect.schema import Schema
from collector.errors import RulesError


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A rule over events.

    Attributes:
        document: as it is written.
        run: the document with the detection that is run: filters add to it.
        detections: of `run`, parsed; those of `sigma` are of the document as it is written.
    """

    document: Document
    run: Document
    block: Block
    scope: Scope
    naming: Naming
    sigma: SigmaRule
    detections: SigmaDetections

    @property
    def name(self) -> str:
        """The name of the rule."""
        return name_of(self.document)


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelationDraft:
    """A correlation. `rules` are the names that its references lead to, in order."""

    document: Document
    block: Block
    mapping: Correlation
    naming: Naming
    sigma: SigmaCorrelationRule
    rules: tuple[str, ...]
    aliases: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the correlation."""
        return name_of(self.document)


def of_rule(document: Document, schema: Schema, lists: Lists) -> Draft:
    """A rule over events. Raises RulesError with all that is wrong."""
    problems = list(metadata_problems(document))
    if "action" in document.data or not isinstance(document.data.get("detection"), dict):
        raise RulesError(problems)
    try:
        block = blocks.parse(document)
    except RulesError as error:
        raise RulesError([*problems, *error.problems]) from None
    scope = Scope(schema=schema, event_types=event_types_of(document, block), lists=lists)
    naming = _naming(block, scope)
    problems += detection_problems(document, scope)
    problems += over_problems(document, block, scope)
    problems += block_problems(document, block, scope, naming)
    if problems:
        raise RulesError(problems)
    sigma = parsed(document, SigmaRule)
    return Draft(
        document=document,
        run=document,
        block=block,
        scope=scope,
        naming=naming,
        sigma=sigma,
        detections=sigma.detection,
    )


def _naming(block: Block, scope: Scope) -> Naming:
    if block.baseline is not None:
        return namings.of_baseline(block.baseline.group_by)
    return namings.of_events(scope)
