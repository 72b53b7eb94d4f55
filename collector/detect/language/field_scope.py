"""The fields that a rule may name: those of at least one of its event types."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from collector.detect.event_schema import EventSchema
from collector.detect.lists import NO_LISTS, ValueLists
from collector.detect.predicates.field_columns import FieldColumns
from collector.model.event_columns import NON_NULL_COLUMNS
from collector.yaml_source.suggestions import suggest_name

_NATIVE_NAME = re.compile(r"[A-Z][\w.]*", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldScope:
    """The event types of a rule; none where it is about every event.

    Each of them has the common fields.
    """

    schema: EventSchema
    event_types: tuple[str, ...]
    common_fields: frozenset[str] = NON_NULL_COLUMNS
    lists: ValueLists = NO_LISTS

    def has_field(self, field: str) -> bool:
        """Whether a rule over these types may name that field."""
        if field in self._list_fields():
            return True
        is_plausible = (
            field in self.schema.column_types or _NATIVE_NAME.fullmatch(field) is not None
        )
        return is_plausible and self._allows_any_field()

    def explain_unknown_field(self, field: str) -> str:
        """The message for a field that none of the types has."""
        if field in self.schema.column_types:
            return f"{field!r} never has a value in {self._render_types()}"
        hint = suggest_name(field, self._list_fields())
        return f"{self._render_types()} has no field {field!r}{hint}"

    def build_trial_columns(self) -> FieldColumns:
        """Columns for a trial compilation of an expression."""
        return self.build_columns(
            lambda field: self.schema.resolve_column(field, self._list_types()[0])
        )

    def build_columns(self, resolve_column: Callable[[str], str]) -> FieldColumns:
        """The columns that hold the fields, by the names that `resolve_column` gives them."""
        return FieldColumns(
            column_types=self.schema.column_types, resolve_column=resolve_column, lists=self.lists
        )

    def _list_types(self) -> tuple[str, ...]:
        return self.event_types or tuple(sorted(self.schema.list_event_types())) or ("",)

    def _list_fields(self) -> frozenset[str]:
        return self.common_fields.union(
            *(self.schema.list_fields(each) or () for each in self._list_types())
        )

    def _allows_any_field(self) -> bool:
        return any(self.schema.list_fields(each) is None for each in self._list_types())

    def _render_types(self) -> str:
        return " or ".join(self.event_types) or "any event type"


def build_window_scope(columns: Mapping[str, str]) -> FieldScope:
    """The scope of a window of several events, given the types of its columns by name."""
    names = frozenset(columns)
    schema = EventSchema(
        column_types=columns,
        resolve_column=lambda field, _: field,
        list_fields=lambda _: names,
        list_event_types=frozenset,
    )
    return FieldScope(schema=schema, event_types=("its window",), common_fields=frozenset())
