"""The committed events of one org, in parts that fit into memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path

import duckdb

from collector import normalize
from collector.archive import read
from collector.model import ArchiveFile
from collector.pipeline.events import Events, Span
from collector.pipeline.past.selections import EVER
from collector.text import sql_identifier, sql_literal

CHUNK = 3_000_000
"""So many events are looked at in one query, which bounds the memory that it takes."""

_DAY = timedelta(days=1)
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """How many events there are, from when to when, and of which types."""

    rows: int
    first: datetime
    last: datetime
    types: frozenset[str]

    @property
    def days(self) -> int:
        """How many days they are of, one at least."""
        return max(1, ceil((self.last - self.first) / _DAY))


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Files of one org. `root` is what their paths are relative to."""

    connection: duckdb.DuckDBPyConnection
    root: Path
    org: str
    files: Sequence[ArchiveFile]

    @property
    def events(self) -> Events:
        """The same, as the steps of the path ask for it."""
        return Events(
            connection=self.connection,
            org=self.org,
            committed=lambda types, span: [self.root / each.path for each in self._of(types, span)],
            types=self.types,
        )

    def seen(self, since: datetime) -> Seen:
        """What there is from then on."""
        later = [file for file in self.files if file.last >= since]
        return Seen(
            rows=sum(
                file.rows if file.first >= since else self._count(file, since) for file in later
            ),
            first=max(since, min((file.first for file in later), default=since)),
            last=max((file.last for file in later), default=since),
            types=frozenset(replace(self, files=later).every_type()),
        )

    def types(self) -> list[str]:
        """The event types that there are files of."""
        return sorted({file.event_type for file in self.files})

    def every_type(self) -> list[str]:
        """These, and the types that are made of them."""
        stored = self.types()
        derived = normalize.DERIVED.items()
        return [*stored, *(name for name, each in derived if {*stored} & {*each.sources})]

    def rows(self, event_type: str, since: datetime) -> int:
        """How many events are looked at for those of a type from then on."""
        return sum(file.rows for file in self._of(_sources(event_type), (since, EVER[1])))

    def first(self, event_types: Sequence[str]) -> datetime:
        """When the first event of these types happened; of all types where none is named."""
        return min(file.first for file in self._of(event_types or self.types(), EVER))

    def chunks(
        self, event_type: str, needs: Sequence[str], since: datetime
    ) -> Iterator[tuple[str, int]]:
        """FROM items that together hold the events of a type, each with how many it looks at.

        `needs` are columns that they surely have.
        """
        files = self._of(_sources(event_type), (since, EVER[1]))
        for chunk in _chunks(sorted(files, key=lambda file: (file.date, file.path))):
            if event_type in normalize.DERIVED:
                relation = self.events.of(event_type, _days(chunk), needs)
            else:
                relation = self._complete([self.root / file.path for file in chunk], needs)
            if relation is not None:
                wanted = f"(SELECT * FROM {relation} WHERE {after(since)})"
                yield wanted, sum(file.rows for file in chunk)

    def _complete(self, paths: Sequence[Path], needs: Sequence[str]) -> str:
        relation = read.relation(paths)
        present = {name.lower() for name in read.columns(self.connection, relation)}
        missing = [name for name in needs if name.lower() not in present]
        shown = ["*", *(f"NULL::VARCHAR AS {sql_identifier(name)}" for name in missing)]
        return f"(SELECT {', '.join(shown)} FROM {relation})"

    def _count(self, file: ArchiveFile, since: datetime) -> int:
        source = read.relation([self.root / file.path])
        query = f"SELECT count(*) FROM {source} WHERE {after(since)}"
        return int(self.connection.execute(query).fetchall()[0][0])

    def _of(self, event_types: Iterable[str], span: Span) -> list[ArchiveFile]:
        wanted = set(event_types)
        return [
            file
            for file in self.files
            if file.event_type in wanted and file.last >= span[0] and file.first <= span[1]
        ]


def together(seen: Iterable[Seen]) -> Seen:
    """What there is of several orgs, of which there must be one."""
    every = list(seen)
    return Seen(
        rows=sum(each.rows for each in every),
        first=min(each.first for each in every),
        last=max(each.last for each in every),
        types=frozenset[str]().union(*(each.types for each in every)),
    )


def after(since: datetime) -> str:
    """SQL: the event happened then or later."""
    return f'"time" >= TIMESTAMPTZ {sql_literal(since.isoformat())}'


def _sources(event_type: str) -> Sequence[str]:
    derived = normalize.DERIVED.get(event_type)
    return derived.sources if derived else (event_type,)


def _chunks(files: Iterable[ArchiveFile]) -> Iterator[list[ArchiveFile]]:
    """Files in their order, cut between two days where there are many rows."""
    chunk: list[ArchiveFile] = []
    for file in files:
        if chunk and file.date != chunk[-1].date and sum(f.rows for f in chunk) >= CHUNK:
            yield chunk
            chunk = []
        chunk.append(file)
    if chunk:
        yield chunk


def _days(files: Sequence[ArchiveFile]) -> Span:
    """The days of files, whole; each file holds the events of one."""
    first, last = (
        datetime.combine(datetime.fromisoformat(date).date(), datetime.min.time(), UTC)
        for date in (files[0].date, files[-1].date)
    )
    return first, last + _DAY - _INSTANT
