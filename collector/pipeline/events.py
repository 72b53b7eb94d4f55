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
from collector.text import sql_identifier, sql_literal

Span: TypeAlias = tuple[datetime, datetime]
"""A span of event time, both ends included."""

Committed: TypeAlias = Callable[[Sequence[str], Span], Sequence[Path]]
"""The committed files of some event types of an org that may hold events of a span."""


_CANONICAL = frozenset(normalize.CANONICAL)
"""The columns of derived records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """FROM items with derived records that a batch brings or changes.

    As they are now, and as they were before it; None where none of them was there before.
    """

    now: str
    before: str | None


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
    _changes: dict[str, _Change] = field(default_factory=dict, repr=False)

    def of(self, event_type: str, span: Span, needs: Sequence[str]) -> str | None:
        """A FROM item with all events of a type in a span; None when there is no file of them.

        `needs` are columns that it surely has: NULL where no file does.
        """
        derived = normalize.DERIVED.get(event_type)
        if derived is None:
            found = self._stored((event_type,), span, needs)
        else:
            found = self._derived(derived, _around(span, derived), needs)
        return found and f"(SELECT * FROM {found} WHERE {within(span)})"

    def brought(self, event_type: str, span: Span, needs: Sequence[str]) -> str | None:
        """A FROM item with the events of a type that the batch brings, or that it changes.

        `span` holds the times of all that the batch brings.
        """
        if event_type == self.event_type:
            return self._complete(read.relation(self.fresh), needs)
        change = self._change(event_type, span)
        return None if change is None else read.padded(change.now, _CANONICAL, needs)

    def replaced(self, event_type: str, span: Span, needs: Sequence[str]) -> str | None:
        """A FROM item with the derived records that the batch changes, as they were before it.

        None where all that it brings is new; `span` as for `brought`.
        """
        change = self._change(event_type, span)
        if change is None or change.before is None:
            return None
        return read.padded(change.before, _CANONICAL, needs)

    def columns(self, relation: str) -> frozenset[str]:
        """The columns of a FROM item that it gave."""
        if any(relation in {change.now, change.before} for change in self._changes.values()):
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

    def _change(self, event_type: str, span: Span) -> _Change | None:
        derived = normalize.DERIVED.get(event_type)
        if derived is None or self.event_type not in derived.sources:
            return None
        if event_type not in self._changes:
            self._changes[event_type] = self._changed(derived, span)
        return self._changes[event_type]

    def _changed(self, derived: Derived, span: Span) -> _Change:
        """The derived records that the batch's events belong to."""
        fresh = self._kept(derived, self._complete(read.relation(self.fresh), derived.needs))
        stored = self._stored(derived.sources, _around(span, derived), derived.needs)
        assert stored is not None  # noqa: S101 - the batch's own files are among them
        near = self._kept(derived, derived.near(fresh, stored))
        there = derived.among(self._types_in(near))
        touched = self._kept(derived, there.touched(fresh, near))
        before = f"(SELECT * FROM {touched} WHERE event_uid NOT IN (SELECT event_uid FROM {fresh}))"
        types = self._types_in(before)
        return _Change(
            now=self._made(there.select(touched)),
            before=self._made(derived.among(types).select(before)) if types else None,
        )

    def _derived(self, derived: Derived, around: Span, needs: Sequence[str]) -> str | None:
        """All derived records that are made of events of a span."""
        types = [name for name in derived.sources if self._paths((name,), around)]
        stored = self._stored(types, around, derived.needs) if types else None
        if stored is None:
            return None
        return read.padded(f"({derived.among(types).select(stored)})", _CANONICAL, needs)

    def _kept(self, derived: Derived, relation: str) -> str:
        columns = ", ".join(map(sql_identifier, derived.needs))
        return self._made(f"SELECT {columns} FROM {relation}")

    def _made(self, select: str) -> str:
        return f"({select})" if self.made is None else self.made.make(select)

    def _types_in(self, relation: str) -> frozenset[str]:
        rows = self.connection.execute(f"SELECT DISTINCT event_type FROM {relation}").fetchall()
        return frozenset(event_type for (event_type,) in rows)

    def _stored(self, types: Sequence[str], span: Span, needs: Sequence[str]) -> str | None:
        paths = self._paths(types, span)
        return self._complete(read.relation(paths), needs) if paths else None

    def _paths(self, types: Sequence[str], span: Span) -> list[Path]:
        fresh = self.fresh if self.event_type in types else ()
        return [*self.committed(types, span), *fresh]

    def _complete(self, relation: str, needs: Sequence[str]) -> str:
        return read.padded(relation, self.columns(relation), needs)


def _around(span: Span, derived: Derived) -> Span:
    return span[0] - derived.reach, span[1] + derived.reach


def within(span: Span) -> str:
    """SQL: the event's time lies in the span."""
    first, last = (f"TIMESTAMPTZ {sql_literal(moment.isoformat())}" for moment in span)
    return f'"time" BETWEEN {first} AND {last}'
