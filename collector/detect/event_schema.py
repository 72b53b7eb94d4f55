"""The event table as rules see it; the program that loads them provides it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from collector.yaml_source.suggestions import suggest_name


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSchema:
    """The event table as rules see it. Two are equal that differ by what is known of an org alone.

    Attributes:
        column_types: the columns that every event has, each with its DuckDB type.
        resolve_column: the column that holds a rule's field, for a field and an event type.
        list_fields: what rules over an event type may name; None where any native name goes.
        list_event_types: the types that a rule may name.
        joined_types: the fields that the directory has, each with its DuckDB type; no file of
            events has them.
        list_source_types: the logged types that a derived one is made of; none for all others.
        list_found_fields: the columns that the files of a type had when they were looked at, be
            they documented or not; none where there are none, or nobody has looked.
        list_values: all values that a field can have, in any case; None where they are not known.
    """

    column_types: Mapping[str, str]
    resolve_column: Callable[[str, str], str]
    list_fields: Callable[[str], frozenset[str] | None]
    list_event_types: Callable[[], frozenset[str]]
    joined_types: Mapping[str, str] = field(default_factory=dict)
    list_source_types: Callable[[str], tuple[str, ...]] = lambda _: ()
    list_found_fields: Callable[[str], frozenset[str]] = field(
        default=lambda _: frozenset(), compare=False
    )
    list_values: Callable[[str], frozenset[str] | None] = field(
        default=lambda _: None, compare=False
    )

    @property
    def field_types(self) -> dict[str, str]:
        """The DuckDB types of all fields that have one; native columns are text."""
        return {**self.column_types, **self.joined_types}

    def has_field(self, field: str, event_type: str) -> bool:
        """Whether events of a type may have a field: it is documented, or files have it."""
        documented = self.list_fields(event_type)
        return (
            documented is None or field in documented or field in self.list_found_fields(event_type)
        )

    def find_type_problem(self, event_type: str) -> str | None:
        """The message for a type that no rule may name; None for one that a rule may name."""
        types = self.list_event_types()
        if event_type in types:
            return None
        return f"unknown event type {event_type!r}{suggest_name(event_type, types)}"
