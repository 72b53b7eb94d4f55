"""The fields that the parts of a rule's block may name: of its events or of its windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from collector.detect.event_schema import EventSchema
from collector.detect.language import window_columns
from collector.detect.language.field_scope import FieldScope, build_window_scope
from collector.detect.language.window_columns import add_group_columns


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockScopes:
    """The scopes of cases and steps, of the title and of the dedup key.

    `allows_selections` is whether a case may name selections of the detection.
    """

    cases: FieldScope
    title: FieldScope
    dedup_key: FieldScope
    allows_selections: bool


def build_event_scopes(scope: FieldScope) -> BlockScopes:
    """The scopes of a rule over single events."""
    return BlockScopes(cases=scope, title=scope, dedup_key=scope, allows_selections=True)


def build_correlation_scopes(groups: Sequence[str], schema: EventSchema) -> BlockScopes:
    """The scopes of a correlation, whose title may also show fields of the event."""
    numbers = window_columns.CORRELATION_COLUMNS
    title_columns = {**schema.column_types, **numbers, **window_columns.WINDOW_BOUNDS}
    return BlockScopes(
        cases=build_window_scope(add_group_columns(numbers, groups)),
        title=build_window_scope(add_group_columns(title_columns, groups)),
        dedup_key=build_window_scope(add_group_columns({}, groups)),
        allows_selections=False,
    )


def build_baseline_scopes(groups: Sequence[str]) -> BlockScopes:
    """The scopes of a baseline."""
    numbers = window_columns.BASELINE_COLUMNS
    return BlockScopes(
        cases=build_window_scope(add_group_columns(numbers, groups)),
        title=build_window_scope(
            add_group_columns({**numbers, **window_columns.WINDOW_BOUNDS}, groups)
        ),
        dedup_key=build_window_scope(add_group_columns({}, groups)),
        allows_selections=False,
    )
