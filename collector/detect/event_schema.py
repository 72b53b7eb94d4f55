"""The event table as rules see it; the program that loads them provides it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from collector.yaml_source.suggestions import suggest_name


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSchema:
    """The event table as rules see it.

    Attributes:
        column_types: the columns that every event has, each with its DuckDB type.
        resolve_column: the column that holds a rule's field, for a field and an event type.
        list_fields: what rules over an event type may name; None where any native name goes.
        list_event_types: the types that a rule may name.
    """

    column_types: Mapping[str, str]
    resolve_column: Callable[[str, str], str]
    list_fields: Callable[[str], frozenset[str] | None]
    list_event_types: Callable[[], frozenset[str]]

    def find_type_problem(self, event_type: str) -> str | None:
        """The message for a type that no rule may name; None for one that a rule may name."""
        types = self.list_event_types()
        if event_type in types:
            return None
        return f"unknown event type {event_type!r}{suggest_name(event_type, types)}"
