"""Problems of a correlation beyond its shape, each at its line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from collector.detect.event_schema import EventSchema
from collector.detect.language.absence_checks import (
    find_expression_problems,
    find_member_problems,
)
from collector.detect.language.aggregation_checks import find_group_problems
from collector.detect.language.asked_rules import list_optional_references
from collector.detect.language.collector_block import COLLECTOR_KEY, CollectorBlock
from collector.detect.language.correlation_block import (
    CORRELATION_KEY,
    OPERATORS,
    CorrelationBlock,
    CorrelationCondition,
    RuleCondition,
)
from collector.detect.language.document_library import (
    DocumentLibrary,
    normalize_reference,
    read_name,
)
from collector.detect.language.field_scope import FieldScope, build_window_scope
from collector.detect.language.link_block import list_filled_fields
from collector.detect.language.member_cases import build_member_scope
from collector.detect.language.rule_drafts import RuleDraft
from collector.detect.language.temporal_checks import find_needed_problems, find_overlap_problems
from collector.detect.language.window_columns import add_group_columns
from collector.detect.language.yaml_document import YamlDocument
from collector.errors import Problem
from collector.yaml_source.nodes import YamlPath

MAX_CORRELATION_DEPTH = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelationContext:
    """All that a correlation may look at.

    Attributes:
        library: all documents.
        documents_by_reference: rules and correlations by every name and id, in lower case.
        drafts, correlations: those without problems of their own, by name.
        schema: the event table.
    """

    library: DocumentLibrary
    documents_by_reference: Mapping[str, YamlDocument]
    drafts: Mapping[str, RuleDraft]
    correlations: Mapping[str, CorrelationBlock]
    schema: EventSchema

    def resolve_name(self, reference: str) -> str | None:
        """The name of the rule that a reference leads to."""
        found = self.documents_by_reference.get(normalize_reference(reference))
        return None if found is None else read_name(found)

    def build_scope(self, name: str) -> FieldScope | None:
        """The fields of what that rule matches; None where it has problems."""
        if name in self.correlations:
            groups = self.correlations[name].group_by
            columns = add_group_columns({"metric": "DOUBLE"}, groups)
            return build_member_scope(self.schema, self.list_types(name), columns)
        draft = self.drafts.get(name)
        if draft is None or draft.block.baseline is None:
            return None if draft is None else draft.scope
        return build_window_scope(add_group_columns({}, draft.block.baseline.groups))

    def list_types(self, name: str, depth: int = MAX_CORRELATION_DEPTH) -> frozenset[str]:
        """The event types of a rule, or of those below it; empty for every type."""
        if name not in self.correlations:
            return frozenset(self.drafts[name].scope.event_types if name in self.drafts else ())
        names = filter(None, map(self.resolve_name, self.correlations[name].rules))
        parts = [self.list_types(each, depth - 1) for each in names] if depth else []
        return frozenset().union(*parts) if all(parts) else frozenset()

    def list_inner_correlations(self, name: str) -> Iterator[str]:
        """The correlations that a correlation looks at."""
        for reference in self.correlations[name].rules:
            if (found := self.resolve_name(reference)) in self.correlations and found is not None:
                yield found


def find_correlation_problems(
    document: YamlDocument, mapping: CorrelationBlock, context: CorrelationContext
) -> Iterator[Problem]:
    """The problems of the `correlation:` mapping among all rules."""
    yield from _find_reference_problems(document, mapping, context)
    yield from _find_cycle_problems(document, context)
    yield from _find_condition_problems(document, mapping)
    yield from _find_alias_problems(document, mapping, context)
    yield from find_member_problems(document, mapping, context.correlations, context.resolve_name)
    if mapping.is_temporal:
        names = filter(None, dict.fromkeys(map(context.resolve_name, mapping.rules)))
        yield from find_overlap_problems(document, list(map(context.list_types, names)))
    yield from find_group_problems(document, mapping.group_by, (CORRELATION_KEY, "group-by"))
    yield from _find_field_problems(document, mapping, context)


def find_foreign_keys(document: YamlDocument, block: CollectorBlock) -> Iterator[Problem]:
    """Problems of keys in the block that only rules over events have."""
    for name in ("event_types", "time_zone", "first_seen", "baseline"):
        if name in block.model_fields_set:
            message = f"a correlation has no {name!r}; the rules that it looks at have"
            yield document.build_problem((COLLECTOR_KEY, name), message)


# ---- rules


def _find_reference_problems(
    document: YamlDocument, mapping: CorrelationBlock, context: CorrelationContext
) -> Iterator[Problem]:
    seen: set[str] = set()
    for position, reference in enumerate(mapping.rules):
        place = (CORRELATION_KEY, "rules", position)
        name = context.resolve_name(reference)
        if name is None:
            yield document.build_problem(place, context.library.explain_missing(reference))
            continue
        if name in seen and mapping.type != "temporal_ordered":
            yield document.build_problem(place, f"rule {reference!r} stands here twice")
        seen.add(name)


def _find_cycle_problems(document: YamlDocument, context: CorrelationContext) -> Iterator[Problem]:
    path = _find_longest_path(read_name(document), context, ())
    chain = " → ".join(path)
    if path[-1] in path[:-1]:
        yield document.build_problem(
            (CORRELATION_KEY, "rules"), f"correlations that go round: {chain}"
        )
    elif len(path) > MAX_CORRELATION_DEPTH:
        message = f"correlations of correlations, more than {MAX_CORRELATION_DEPTH} deep: {chain}"
        yield document.build_problem((CORRELATION_KEY, "rules"), message)


def _find_longest_path(
    name: str, context: CorrelationContext, above: tuple[str, ...]
) -> tuple[str, ...]:
    """The longest chain of correlations below a name; in a cycle, its last name is repeated."""
    path = (*above, name)
    if name in above or len(path) > MAX_CORRELATION_DEPTH:
        return path
    paths = [
        _find_longest_path(each, context, path) for each in context.list_inner_correlations(name)
    ]
    return max((path, *paths), key=lambda found: (found[-1] in found[:-1], len(found)))


# ---- numbers


def _find_condition_problems(
    document: YamlDocument, mapping: CorrelationBlock
) -> Iterator[Problem]:
    condition = mapping.condition
    if condition is None:
        if not mapping.is_temporal:
            yield document.build_problem((CORRELATION_KEY,), "missing key 'condition'")
        return
    place = (CORRELATION_KEY, "condition")
    if isinstance(condition, RuleCondition):
        yield from find_expression_problems(document, mapping, condition)
        return
    if len(condition.limits) != 1:
        message = f"a condition has one limit, which is one of {', '.join(OPERATORS)}"
        yield document.build_problem(place, message)
    elif mapping.is_temporal:
        yield from find_needed_problems(document, mapping, condition)
    yield from _find_operand_problems(document, mapping, condition)


def _find_operand_problems(
    document: YamlDocument, mapping: CorrelationBlock, condition: CorrelationCondition
) -> Iterator[Problem]:
    needed = {
        "field": mapping.type.startswith("value_"),
        "percentile": mapping.type == "value_percentile",
    }
    for name, needs in needed.items():
        has = getattr(condition, name) is not None
        if needs and not has:
            yield document.build_problem(
                (CORRELATION_KEY, "condition"), f"{mapping.type} needs a {name!r}"
            )
        if has and not needs:
            yield document.build_problem(
                (CORRELATION_KEY, "condition", name), f"{mapping.type} has no {name!r}"
            )


# ---- fields


def _find_alias_problems(
    document: YamlDocument, mapping: CorrelationBlock, context: CorrelationContext
) -> Iterator[Problem]:
    references = [*mapping.rules, *list_optional_references(document, mapping)]
    rule_names = {context.resolve_name(each) for each in references}
    for alias, fields in mapping.aliases.items():
        for reference in fields:
            if context.resolve_name(reference) not in rule_names:
                message = f"an alias for {reference!r}, which is none of the correlation's rules"
                yield document.build_problem(
                    (CORRELATION_KEY, "aliases", alias, reference), message
                )


def _find_field_problems(
    document: YamlDocument, mapping: CorrelationBlock, context: CorrelationContext
) -> Iterator[Problem]:
    for name in dict.fromkeys(filter(None, map(context.resolve_name, mapping.rules))):
        scope = context.build_scope(name)
        if scope is None:
            continue
        for place, alias in _list_used_fields(mapping):
            reference, field = resolve_alias(mapping, alias, name, context) or (None, alias)
            if not scope.has_field(field) and field not in list_filled_fields(document, scope):
                location = (CORRELATION_KEY, "aliases", alias, reference) if reference else place
                yield document.build_problem(
                    location, f"in rule {name!r} {scope.explain_unknown_field(field)}"
                )


def _list_used_fields(mapping: CorrelationBlock) -> Iterator[tuple[YamlPath, str]]:
    """The fields and aliases that are used, each with its place."""
    for position, group in enumerate(mapping.group_by):
        yield (CORRELATION_KEY, "group-by", position), group
    if mapping.condition and mapping.condition.field:
        yield (CORRELATION_KEY, "condition", "field"), mapping.condition.field


def resolve_alias(
    mapping: CorrelationBlock, alias: str, rule_name: str, context: CorrelationContext
) -> tuple[str, str] | None:
    """The reference to a rule below an alias, and the field that it stands for there."""
    for reference, field in mapping.aliases.get(alias, {}).items():
        if context.resolve_name(reference) == rule_name:
            return reference, field
    return None
