"""The fields that the parts of a rule's block may name: of its events or of its windows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from collector.detect.event_schema import EventSchema
from collector.detect.language import window_columns
from collector.detect.language.absence_checks import list_absent_references
from collector.detect.language.collector_block import CollectorBlock
from collector.detect.language.correlation_block import CorrelationBlock
from collector.detect.language.document_library import normalize_reference
from collector.detect.language.field_scope import FieldScope, build_window_scope
from collector.detect.language.member_cases import build_member_scope
from collector.detect.language.window_columns import add_group_columns


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockScopes:
    """The scopes of cases and steps, of the title and of the dedup key.

    `allows_selections` is whether a case may name selections of the detection. `rule_names` are the
    references of a correlation to its rules; None of rules of other kinds. `groups` tell windows
    apart.
    """

    cases: FieldScope
    title: FieldScope
    dedup_key: FieldScope
    allows_selections: bool
    rule_names: frozenset[str] | None = None
    groups: tuple[str, ...] = ()


def choose_scopes(block: CollectorBlock, scope: FieldScope) -> BlockScopes:
    """The scopes of a rule over events or over windows of them."""
    if block.baseline is not None:
        return build_baseline_scopes(block.baseline.groups, scope.schema)
    return build_event_scopes(scope)


def build_event_scopes(scope: FieldScope) -> BlockScopes:
    """The scopes of a rule over single events."""
    return BlockScopes(
        cases=scope,
        title=scope.require_column_names(),
        dedup_key=scope,
        allows_selections=True,
    )


def build_correlation_scopes(
    mapping: CorrelationBlock, event_types: Iterable[str], schema: EventSchema
) -> BlockScopes:
    """The scopes of a correlation over events of these types; none means every type.

    All may name fields of events, too: cases ask for the events of a window, titles and dedup keys
    for the one with which it ends.
    """
    groups = mapping.group_by
    numbers = add_group_columns(window_columns.CORRELATION_COLUMNS, groups)
    titles = add_group_columns({**numbers, **window_columns.WINDOW_BOUNDS}, groups)
    return BlockScopes(
        cases=build_member_scope(schema, event_types, numbers),
        title=build_member_scope(schema, event_types, titles),
        dedup_key=build_member_scope(schema, event_types, add_group_columns({}, groups)),
        allows_selections=False,
        rule_names=frozenset(map(normalize_reference, mapping.rules)).difference(
            list_absent_references(mapping)
        ),
        groups=tuple(groups),
    )


def build_baseline_scopes(groups: Sequence[str], schema: EventSchema) -> BlockScopes:
    """The scopes of a baseline, whose title may also show fields of the heaviest event."""
    numbers = window_columns.BASELINE_COLUMNS
    title_columns = {**schema.field_types, **numbers, **window_columns.WINDOW_BOUNDS}
    return BlockScopes(
        cases=build_window_scope(add_group_columns(numbers, groups)),
        title=build_window_scope(add_group_columns(title_columns, groups)),
        dedup_key=build_window_scope(add_group_columns({}, groups)),
        allows_selections=False,
    )
