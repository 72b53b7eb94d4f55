"""What the parts of a rule's block may name: fields of its events, or what its windows compute."""

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
    """For a rule that tells of single events."""
    return BlockScopes(cases=scope, title=scope, dedup_key=scope, allows_selections=True)


def build_correlation_scopes(groups: Sequence[str], schema: EventSchema) -> BlockScopes:
    """For a correlation; its title may show fields of the event that it shows, too."""
    numbers = window_columns.CORRELATION_COLUMNS
    shown = {**schema.column_types, **numbers, **window_columns.WINDOW_BOUNDS}
    return BlockScopes(
        cases=build_window_scope(add_group_columns(numbers, groups)),
        title=build_window_scope(add_group_columns(shown, groups)),
        dedup_key=build_window_scope(add_group_columns({}, groups)),
        allows_selections=False,
    )


def build_baseline_scopes(groups: Sequence[str]) -> BlockScopes:
    """For a baseline."""
    numbers = window_columns.BASELINE_COLUMNS
    return BlockScopes(
        cases=build_window_scope(add_group_columns(numbers, groups)),
        title=build_window_scope(
            add_group_columns({**numbers, **window_columns.WINDOW_BOUNDS}, groups)
        ),
        dedup_key=build_window_scope(add_group_columns({}, groups)),
        allows_selections=False,
    )
