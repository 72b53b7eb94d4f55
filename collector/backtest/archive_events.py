"""The committed events of one org, in parts that fit into memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from math import ceil

import duckdb

from collector import normalize
from collector.archive import parquet_sql
from collector.archive.store import ArchiveStore
from collector.clock import MICROSECOND
from collector.directory.display_names import NAMED_FIELDS
from collector.escaping import quote_identifier, quote_literal
from collector.evaluation.event_directory import EventDirectory
from collector.evaluation.event_views import EventViews, TimeSpan
from collector.evaluation.rule_selection import ALL_TIME
from collector.model import ArchiveFile
from collector.normalize.derived_types import expand_derived_types

CHUNK_ROWS = 3_000_000
"""Events per query, which bounds its memory."""

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveExtent:
    """How many events there are, from when to when, and of which types."""

    rows: int
    first: datetime
    last: datetime
    types: frozenset[str]

    @property
    def days(self) -> int:
        """The number of days that they span, at least 1."""
        return max(1, ceil((self.last - self.first) / _DAY))


@dataclass(frozen=True, slots=True, kw_only=True)
class OrgArchive:
    """Files of one org in an archive."""

    connection: duckdb.DuckDBPyConnection
    archive: ArchiveStore
    org: str
    files: Sequence[ArchiveFile]
    directory: EventDirectory = field(default_factory=EventDirectory)

    @property
    def event_views(self) -> EventViews:
        """The committed events as `EventViews`."""
        return EventViews(
            connection=self.connection,
            org=self.org,
            list_files=self._list_files,
            locate_files=self.archive.locate_files,
            list_types=self.list_stored_types,
            directory=self.directory,
        )

    @property
    def last_time(self) -> datetime:
        """When the last event happened; nobody knows what has not come after that."""
        return max((file.last_time for file in self.files), default=ALL_TIME[0])

    def measure_extent(self, since: datetime) -> ArchiveExtent:
        """The extent of the events from then on."""
        later_files = [file for file in self.files if file.last_time >= since]
        return ArchiveExtent(
            rows=sum(
                file.rows if file.first_time >= since else self._count_since(file, since)
                for file in later_files
            ),
            first=max(since, min((file.first_time for file in later_files), default=since)),
            last=max((file.last_time for file in later_files), default=since),
            types=frozenset(replace(self, files=later_files).list_all_types()),
        )

    def list_stored_types(self) -> list[str]:
        """The event types that there are files of."""
        return sorted({file.event_type for file in self.files})

    def list_all_types(self) -> list[str]:
        """The stored types, and those that are derived from them."""
        stored = self.list_stored_types()
        derived = normalize.DERIVED_EVENT_TYPES.items()
        return [*stored, *(name for name, kind in derived if {*stored} & {*kind.source_types})]

    def count_rows(self, event_type: str, since: datetime) -> int:
        """The number of events that have to be read for those of a type from then on."""
        return sum(
            file.rows
            for file in self._list_files(expand_derived_types((event_type,)), (since, ALL_TIME[1]))
        )

    def find_first_time(self, event_types: Sequence[str]) -> datetime:
        """When the first event of these types happened; of all types where none is named."""
        return min(
            file.first_time
            for file in self._list_files(event_types or self.list_stored_types(), ALL_TIME)
        )

    def split_chunks(
        self, event_type: str, needs: Sequence[str], since: datetime
    ) -> Iterator[tuple[str, int]]:
        """FROM items that together hold the events of a type, each with how many events it reads.

        `needs` are columns that they must have.
        """
        files = self._list_files(expand_derived_types((event_type,)), (since, ALL_TIME[1]))
        for chunk in _group_files(sorted(files, key=lambda file: (file.date, file.path))):
            if event_type in normalize.DERIVED_EVENT_TYPES:
                relation = self.event_views.select_events(
                    event_type, _compute_day_span(chunk), needs
                )
            else:
                relation = self._pad_columns(event_type, chunk, needs)
            if relation is not None:
                recent = f"(SELECT * FROM {relation} WHERE {render_since_filter(since)})"
                yield recent, sum(file.rows for file in chunk)

    def _pad_columns(
        self, event_type: str, files: Sequence[ArchiveFile], needs: Sequence[str]
    ) -> str:
        relation = parquet_sql.build_relation(self.archive.locate_files(files))
        columns = parquet_sql.describe_columns(self.connection, relation)
        present = {name.lower() for name in columns} | NAMED_FIELDS.keys()
        missing = [name for name in needs if name.lower() not in present]
        selected = ["*", *(f"NULL::VARCHAR AS {quote_identifier(name)}" for name in missing)]
        padded = f"(SELECT {', '.join(selected)} FROM {relation})"
        return self.directory.add_fields(padded, columns.union(missing), needs, event_type)

    def _count_since(self, file: ArchiveFile, since: datetime) -> int:
        source = parquet_sql.build_relation(self.archive.locate_files([file]))
        query = f"SELECT count(*) FROM {source} WHERE {render_since_filter(since)}"
        return int(self.connection.execute(query).fetchall()[0][0])

    def _list_files(self, event_types: Iterable[str], span: TimeSpan) -> list[ArchiveFile]:
        types = set(event_types)
        return [
            file
            for file in self.files
            if file.event_type in types and file.last_time >= span[0] and file.first_time <= span[1]
        ]


def merge_extents(extents: Iterable[ArchiveExtent]) -> ArchiveExtent:
    """The extent of all of these, of which there must be one."""
    all_extents = list(extents)
    return ArchiveExtent(
        rows=sum(extent.rows for extent in all_extents),
        first=min(extent.first for extent in all_extents),
        last=max(extent.last for extent in all_extents),
        types=frozenset[str]().union(*(extent.types for extent in all_extents)),
    )


def render_since_filter(since: datetime) -> str:
    """SQL: the event happened then or later."""
    return f'"time" >= TIMESTAMPTZ {quote_literal(since.isoformat())}'


def _group_files(files: Iterable[ArchiveFile]) -> Iterator[list[ArchiveFile]]:
    """Files in their order, cut between two days where there are many rows."""
    chunk: list[ArchiveFile] = []
    for file in files:
        if chunk and file.date != chunk[-1].date and sum(f.rows for f in chunk) >= CHUNK_ROWS:
            yield chunk
            chunk = []
        chunk.append(file)
    if chunk:
        yield chunk


def _compute_day_span(files: Sequence[ArchiveFile]) -> TimeSpan:
    """The days of files, whole; each file holds the events of one."""
    first, last = (
        datetime.combine(datetime.fromisoformat(date).date(), datetime.min.time(), UTC)
        for date in (files[0].date, files[-1].date)
    )
    return first, last + _DAY - MICROSECOND
