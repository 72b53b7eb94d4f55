"""Problems of severity cases about rules that a correlation does not need, each at its line."""

from __future__ import annotations

from collections.abc import Iterator

from collector.detect.language.asked_rules import (
    LINK_PLACE,
    list_asked_rules,
    list_optional_references,
)
from collector.detect.language.correlation_block import CorrelationBlock
from collector.detect.language.correlation_checks import CorrelationContext, resolve_alias
from collector.detect.language.field_scope import FieldScope
from collector.detect.language.link_block import list_filled_fields
from collector.detect.language.yaml_document import YamlDocument
from collector.errors import Problem
from collector.model.member_columns import SEPARATORS


def find_optional_rules(
    document: YamlDocument, mapping: CorrelationBlock, context: CorrelationContext
) -> dict[str, str]:
    """By their references, the names of the rules that only cases of a correlation ask for."""
    names = {
        reference: context.resolve_name(reference)
        for reference in list_optional_references(document, mapping)
    }
    return {reference: name for reference, name in names.items() if name is not None}


def find_asked_problems(
    document: YamlDocument, mapping: CorrelationBlock, context: CorrelationContext
) -> Iterator[Problem]:
    """The problems of the rules that cases and steps of a correlation ask for."""
    members = {context.resolve_name(each) for each in mapping.rules}
    for place, reference in list_asked_rules(document):
        name = context.resolve_name(reference)
        if name is None:
            yield document.build_problem(place, context.library.explain_missing(reference))
        elif name in members:
            continue
        elif name in context.correlations:
            message = f"{name!r} is a correlation: cases ask for rules over events, or for members"
            if place == LINK_PLACE:
                message = f"{name!r} is a correlation, and only events fill what others lack"
            yield document.build_problem(place, message)
        elif _counts_members(mapping):
            message = "where members of a list are counted, cases ask for the rules under 'rules'"
            yield document.build_problem(place, message)
        elif place != LINK_PLACE:
            for message in _list_group_problems(document, name, mapping, context):
                yield document.build_problem(place, message)


def _counts_members(mapping: CorrelationBlock) -> bool:
    """Whether values are counted of which an event may have several."""
    field = mapping.condition.field if mapping.condition else None
    if mapping.type != "value_count" or field is None:
        return False
    return not SEPARATORS.keys().isdisjoint({field, *mapping.aliases.get(field, {}).values()})


def _list_group_problems(
    document: YamlDocument, name: str, mapping: CorrelationBlock, context: CorrelationContext
) -> Iterator[str]:
    """Why events of a rule are in none of the correlation's groups."""
    scope = context.build_scope(name)
    for group in mapping.group_by if scope is not None else ():
        _, field = resolve_alias(mapping, group, name, context) or (None, group)
        if scope is not None and not _is_known(document, field, scope):
            yield f"in rule {name!r} {scope.explain_unknown_field(field)}"


def _is_known(document: YamlDocument, field: str, scope: FieldScope) -> bool:
    return scope.has_field(field) or field in list_filled_fields(document, scope)
