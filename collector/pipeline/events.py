"""FROM items over one org's events: those that a batch brings, and the committed ones around."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

import duckdb

from collector import normalize
from collector.archive import read
from collector.normalize import Derived
from collector.pipeline.scratch import Tables
from collector.text import sql_literal

Span: TypeAlias = tuple[datetime, datetime]
"""A span of event time, both ends included."""

Committed: TypeAlias = Callable[[Sequence[str], Span], Sequence[Path]]
"""The committed files of some event types of an org that may hold events of a span."""


_CANONICAL = frozenset(normalize.CANONICAL)
"""The columns of derived records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """The events of one org.

    Attributes:
        committed: finds what is committed.
        types: the event types of what is committed.
        event_type, fresh: what a batch brings beside, in files that are not yet committed.
        made: where derived records that the batch brings are kept, so that they are made once.
    """

    connection: duckdb.DuckDBPyConnection
    org: str
    committed: Committed
    types: Callable[[], Sequence[str]]
    event_type: str = ""
    fresh: tuple[Path, ...] = ()
    made: Tables | None = None
    _columns: dict[str, frozenset[str]] = field(default_factory=dict, repr=False)
    _brought: dict[str, str] = field(default_factory=dict, repr=False)

    def of(self, event_type: str, span: Span, needs: Sequence[str]) -> str | None:
        """A FROM item with all events of a type in a span; None when there is no file of them.

        `needs` are columns that it surely has: NULL where no file does.
        """
        derived = normalize.DERIVED.get(event_type)
        if derived is None:
            found = self._stored((event_type,), span, needs)
        else:
            stored = self._stored(derived.sources, _around(span, derived), derived.needs)
            found = stored and read.padded(f"({derived.select(stored)})", _CANONICAL, needs)
        return found and f"(SELECT * FROM {found} WHERE {within(span)})"

    def brought(self, event_type: str, span: Span, needs: Sequence[str]) -> str | None:
        """A FROM item with the events of a type that the batch brings, or that it changes.

        `span` holds the times of all that the batch brings.
        """
        if event_type == self.event_type:
            return self._complete(read.relation(self.fresh), needs)
        derived = normalize.DERIVED.get(event_type)
        if derived is None or self.event_type not in derived.sources:
            return None
        if event_type not in self._brought:
            self._brought[event_type] = self._changed(derived, span)
        return read.padded(self._brought[event_type], _CANONICAL, needs)

    def columns(self, relation: str) -> frozenset[str]:
        """The columns of a FROM item that it gave."""
        if relation in self._brought.values():
            return _CANONICAL
        if relation not in self._columns:
            self._columns[relation] = read.columns(self.connection, relation)
        return self._columns[relation]

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

    def _changed(self, derived: Derived, span: Span) -> str:
        """The derived records that the batch's events belong to."""
        fresh = self._complete(read.relation(self.fresh), derived.needs)
        stored = self._stored(derived.sources, _around(span, derived), derived.needs)
        assert stored is not None  # noqa: S101 - the batch's own files are among them
        select = derived.select(derived.touched(fresh, stored))
        return f"({select})" if self.made is None else self.made.make(select)

    def _stored(self, types: Sequence[str], span: Span, needs: Sequence[str]) -> str | None:
        paths = list(self.committed(types, span))
        if self.event_type in types:
            paths += self.fresh
        return self._complete(read.relation(paths), needs) if paths else None

    def _complete(self, relation: str, needs: Sequence[str]) -> str:
        return read.padded(relation, self.columns(relation), needs)


def _around(span: Span, derived: Derived) -> Span:
    return span[0] - derived.reach, span[1] + derived.reach


def within(span: Span) -> str:
    """SQL: the event's time lies in the span."""
    first, last = (f"TIMESTAMPTZ {sql_literal(moment.isoformat())}" for moment in span)
    return f'"time" BETWEEN {first} AND {last}'
