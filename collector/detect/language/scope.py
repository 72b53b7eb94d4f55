"""What one rule may name: the fields that at least one of its event types has."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from collector.detect.lists import NONE, Lists
from collector.detect.names import nearest
from collector.detect.predicates.columns import Columns
from collector.detect.schema import IDENTITY, Schema

_NATIVE = re.compile(r"[A-Z][\w.]*", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The event types of a rule; none where it sees every event. `always` has each of them."""

    schema: Schema
    event_types: tuple[str, ...]
    always: frozenset[str] = IDENTITY
    lists: Lists = NONE

    def knows(self, field: str) -> bool:
        """Whether a rule over these types may name that field."""
        if field in self._fields():
            return True
        is_plausible = field in self.schema.canonical or _NATIVE.fullmatch(field) is not None
        return is_plausible and self._is_open()

    def unknown(self, field: str) -> str:
        """What to say of a field that none of the types has."""
        if field in self.schema.canonical:
            return f"{field!r} never has a value in {self._shown()}"
        return f"{self._shown()} has no field {field!r}{nearest(field, self._fields())}"

    def columns(self) -> Columns:
        """Columns to try an expression with."""
        return self.columns_by(lambda field: self.schema.physical(field, self._types()[0]))

    def columns_by(self, physical: Callable[[str], str]) -> Columns:
        """The columns that hold the fields, by the names that `physical` gives them."""
        return Columns(types=self.schema.canonical, physical=physical, lists=self.lists)

    def _types(self) -> tuple[str, ...]:
        return self.event_types or tuple(sorted(self.schema.event_types())) or ("",)

    def _fields(self) -> frozenset[str]:
        return self.always.union(*(self.schema.fields(each) or () for each in self._types()))

    def _is_open(self) -> bool:
        return any(self.schema.fields(each) is None for each in self._types())

    def _shown(self) -> str:
        return " or ".join(self.event_types) or "any event type"


def of_windows(columns: Mapping[str, str]) -> Scope:
    """What may be named of a window of several events: columns, by their types."""
    names = frozenset(columns)
    schema = Schema(
        canonical=columns,
        physical=lambda field, _: field,
        fields=lambda _: names,
        event_types=frozenset,
    )
    return Scope(schema=schema, event_types=("its window",), always=frozenset())
