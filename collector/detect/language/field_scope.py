"""The fields that a rule may name: those of at least one of its event types."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from collector.detect.event_schema import EventSchema
from collector.detect.lists import NO_LISTS, ValueLists
from collector.detect.predicates.field_columns import FieldColumns
from collector.model.event_columns import NON_NULL_COLUMNS
from collector.yaml_source.suggestions import suggest_name

UnknownFields: TypeAlias = Literal["refuse", "allow"]
"""What becomes of a rule that names fields which its types are not known to have."""

FURTHER_NAMES: Mapping[UnknownFields, re.Pattern[str] | None] = {
    "refuse": None,
    "allow": re.compile(r"\S(?:.*\S)?"),
}
"""The form of the names of unknown fields that a rule may name."""

FILES_ADVICE = "; what your org's files have is known with `-c` once some were collected"
ADVICE = f"{FILES_ADVICE}, else say 'collector: {{unknown_fields: allow}}'"

_COLUMN_NAME = re.compile(r"[A-Z]\w*[A-Z0-9_]\w*", re.ASCII)
"""`INVOKER`, `PageStatus`, `Is_New`; no word that stands in a sentence."""

_NATIVE_NAME = re.compile(r"[A-Z][\w.]*", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldScope:
    """The event types of a rule; none where it is about every event.

    Each of them has the common fields.

    Attributes:
        further_names: the form of the names that fields have which nobody knows of; None where
            a rule may name no such field.
        advice: what to say of an unknown field that is like no other.
        knows_files: whether the columns count, too, that the files of a type were found to have.
    """

    schema: EventSchema
    event_types: tuple[str, ...]
    common_fields: frozenset[str] = NON_NULL_COLUMNS
    lists: ValueLists = NO_LISTS
    further_names: re.Pattern[str] | None = None
    advice: str = ""
    knows_files: bool = True

    def has_field(self, field: str) -> bool:
        """Whether a rule over these types may name that field."""
        if field in self._list_fields():
            return True
        if self.further_names is not None and self.further_names.fullmatch(field):
            return True
        if self.knows_files and self._is_found(field):
            return True
        is_plausible = field in self.schema.field_types or _NATIVE_NAME.fullmatch(field) is not None
        return is_plausible and self._allows_any_field()

    def explain_unknown_field(self, field: str) -> str:
        """The message for a field that none of the types has."""
        if field in self.schema.field_types:
            return f"{field!r} never has a value in {self._render_types()}"
        if self._is_found(field):
            return f"nobody documents {field!r} of {self._render_types()}, though files have it"
        hint = suggest_name(field, self._list_fields() | self._list_found()) or self.advice
        return f"{self._render_types()} has no field {field!r}{hint}"

    def require_column_names(self) -> FieldScope:
        """The same events, where words that a reader may be meant to see are no unknown fields."""
        return self if self.further_names is None else replace(self, further_names=_COLUMN_NAME)

    def build_trial_columns(self) -> FieldColumns:
        """Columns for a trial compilation of an expression."""
        return self.build_columns(
            lambda field: self.schema.resolve_column(field, self._list_types()[0])
        )

    def build_columns(self, resolve_column: Callable[[str], str]) -> FieldColumns:
        """The columns that hold the fields, by the names that `resolve_column` gives them."""
        return FieldColumns(
            column_types=self.schema.field_types, resolve_column=resolve_column, lists=self.lists
        )

    def _list_types(self) -> tuple[str, ...]:
        return self.event_types or tuple(sorted(self.schema.list_event_types())) or ("",)

    def _list_fields(self) -> frozenset[str]:
        return self.common_fields.union(
            *(self.schema.list_fields(each) or () for each in self._list_types())
        )

    def _is_found(self, field: str) -> bool:
        """Whether files of one of the types have a column of that name.

        Nobody looks at them for a word that is no name of Salesforce's.
        """
        return _NATIVE_NAME.fullmatch(field) is not None and field in self._list_found()

    def _list_found(self) -> frozenset[str]:
        return frozenset().union(*map(self.schema.list_found_fields, self._list_types()))

    def _allows_any_field(self) -> bool:
        """Whether the columns of one of the types that it names are not known."""
        types = self.event_types or (() if self.schema.list_event_types() else ("",))
        return any(self.schema.list_fields(each) is None for each in types)

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
