"""FROM items over one org's events: those that a batch brings, and the committed ones around."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

import duckdb

from collector import normalize
from collector.archive import read
from collector.text import sql_literal

Span: TypeAlias = tuple[datetime, datetime]
"""A span of event time, both ends included."""

Committed: TypeAlias = Callable[[Sequence[str], Span], Sequence[Path]]
"""The committed files of some event types of an org that may hold events of a span."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """The events of one org.

    Attributes:
        committed: finds what is committed.
        types: the event types of what is committed.
        event_type, fresh: what a batch brings beside, in files that are not yet committed.
    """

    connection: duckdb.DuckDBPyConnection
    org: str
    committed: Committed
    types: Callable[[], Sequence[str]]
    event_type: str = ""
    fresh: tuple[Path, ...] = ()

    def of(self, event_type: str, span: Span, needs: Sequence[str]) -> str | None:
        """A FROM item with all events of a type in a span; None when there is no file of them.

        `needs` are columns that it surely has: NULL where no file does.
        """
        derived = normalize.DERIVED.get(event_type)
        if derived is None:
            found = self._stored((event_type,), span, needs)
        else:
            around = (span[0] - derived.reach, span[1] + derived.reach)
            stored = self._stored(derived.sources, around, derived.needs)
            found = stored and self._complete(f"({derived.select(stored)})", needs)
        return found and f"(SELECT * FROM {found} WHERE {within(span)})"

    def brought(self, event_type: str, span: Span, needs: Sequence[str]) -> str | None:
        """A FROM item with the events of a type that the batch brings, or that it changes.

        `span` holds the times of all that the batch brings.
        """
        fresh = read.relation(self.fresh)
        if event_type == self.event_type:
            return self._complete(fresh, needs)
        derived = normalize.DERIVED.get(event_type)
        if derived is None or self.event_type not in derived.sources:
            return None
        around = (span[0] - derived.reach, span[1] + derived.reach)
        stored = self._stored(derived.sources, around, derived.needs)
        assert stored is not None  # noqa: S101 - the batch's own files are among them
        touched = derived.touched(self._complete(fresh, derived.needs), stored)
        return self._complete(f"({derived.select(touched)})", needs)

    def types_brought(self) -> Iterator[str]:
        """The batch's type, and those that are made of it."""
        yield self.event_type
        for name, derived in normalize.DERIVED.items():
            if self.event_type in derived.sources:
                yield name

    def stored_types(self) -> list[str]:
        """Every event type that was logged, the batch's among them."""
        own = [self.event_type] if self.event_type else []
        return list(dict.fromkeys([*self.types(), *own]))

    def _stored(self, types: Sequence[str], span: Span, needs: Sequence[str]) -> str | None:
        paths = list(self.committed(types, span))
        if self.event_type in types:
            paths += self.fresh
        return self._complete(read.relation(paths), needs) if paths else None

    def _complete(self, relation: str, needs: Sequence[str]) -> str:
        return read.with_columns(self.connection, relation, needs)


def within(span: Span) -> str:
    """SQL: the event's time lies in the span."""
    first, last = (f"TIMESTAMPTZ {sql_literal(moment.isoformat())}" for moment in span)
    return f'"time" BETWEEN {first} AND {last}'
