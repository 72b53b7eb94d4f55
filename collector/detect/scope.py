"""What one rule may name: the fields that at least one of its event types has."""

from __future__ import annotations

import re
from dataclasses import dataclass

from collector.detect.columns import Columns
from collector.detect.names import nearest
from collector.detect.schema import IDENTITY, Schema

_NATIVE = re.compile(r"[A-Z][\w.]*", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The event types of a rule; none where it sees every event."""

    schema: Schema
    event_types: tuple[str, ...]

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
        return Columns(
            types=self.schema.canonical,
            physical=lambda field: self.schema.physical(field, self._types()[0]),
        )

    def _types(self) -> tuple[str, ...]:
        return self.event_types or tuple(sorted(self.schema.event_types())) or ("",)

    def _fields(self) -> frozenset[str]:
        return IDENTITY.union(*(self.schema.fields(each) or () for each in self._types()))

    def _is_open(self) -> bool:
        return any(self.schema.fields(each) is None for each in self._types())

    def _shown(self) -> str:
        return " or ".join(self.event_types) or "any event type"
