"""Valid rule documents with everything that was parsed from them."""

from __future__ import annotations

from dataclasses import dataclass, field

from sigma.correlations import SigmaCorrelationRule
from sigma.rule import SigmaDetections, SigmaRule

from collector.detect.event_schema import EventSchema
from collector.detect.language.aggregation_checks import find_aggregation_problems
from collector.detect.language.block_checks import find_block_problems, resolve_event_types
from collector.detect.language.block_scopes import BlockScopes, choose_scopes
from collector.detect.language.collector_block import CollectorBlock, parse_collector_block
from collector.detect.language.correlation_block import CorrelationBlock
from collector.detect.language.detection_checks import find_detection_problems
from collector.detect.language.document_library import read_name
from collector.detect.language.field_scope import ADVICE, FURTHER_NAMES, FieldScope
from collector.detect.language.metadata_checks import find_metadata_problems, parse_sigma_rule
from collector.detect.language.yaml_document import YamlDocument
from collector.detect.lists import ValueLists
from collector.errors import RulesError


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleDraft:
    """A rule over events.

    Attributes:
        document: as it is written.
        filtered_document: the document with the detection that is run, filters included.
        detections: of `filtered_document`, parsed; those of `sigma` are of `document`.
        filters: the documents of the filters that were added.
    """

    document: YamlDocument
    filtered_document: YamlDocument
    block: CollectorBlock
    scope: FieldScope
    block_scopes: BlockScopes
    sigma: SigmaRule
    detections: SigmaDetections
    filters: tuple[YamlDocument, ...] = ()

    @property
    def name(self) -> str:
        """The name of the rule."""
        return read_name(self.document)


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelationDraft:
    """A correlation. `rules` are the names that its references lead to, in order.

    `schema` is the event table; `optional_rules` are the names of rules that only its cases ask
    for, by their references.
    """

    document: YamlDocument
    block: CollectorBlock
    correlation: CorrelationBlock
    block_scopes: BlockScopes
    sigma: SigmaCorrelationRule
    schema: EventSchema
    rules: tuple[str, ...]
    optional_rules: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the correlation."""
        return read_name(self.document)


def build_rule_draft(document: YamlDocument, schema: EventSchema, lists: ValueLists) -> RuleDraft:
    """The draft of a rule over events. Raises RulesError with every problem."""
    problems = list(find_metadata_problems(document))
    if "action" in document.data or not isinstance(document.data.get("detection"), dict):
        raise RulesError(problems)
    try:
        block = parse_collector_block(document)
    except RulesError as error:
        raise RulesError([*problems, *error.problems]) from None
    scope = FieldScope(
        schema=schema,
        event_types=resolve_event_types(document, block),
        lists=lists,
        further_names=FURTHER_NAMES[block.unknown_fields],
        advice=ADVICE,
    )
    scopes = choose_scopes(block, scope)
    problems += find_detection_problems(document, scope)
    problems += find_aggregation_problems(document, block, scope)
    problems += find_block_problems(document, block, scope, scopes)
    if problems:
        raise RulesError(problems)
    sigma = parse_sigma_rule(document, SigmaRule)
    return RuleDraft(
        document=document,
        filtered_document=document,
        block=block,
        scope=scope,
        block_scopes=scopes,
        sigma=sigma,
        detections=sigma.detection,
    )
