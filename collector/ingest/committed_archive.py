"""The committed files, events and matches, as the pipeline looks them up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import duckdb

from collector.archive.parquet_sql import FileLocation
from collector.archive.store import ArchiveStore
from collector.evaluation.correlation import PreviousMatches
from collector.evaluation.event_views import EventViews, TimeSpan
from collector.ingest.file_guard import FileGuard
from collector.model import ArchiveFile, Batch, Severity
from collector.store import alerts, ledger
from collector.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLookup:
    """Looks up committed files, and knows later whether the answers still hold."""

    database: Database
    guard: FileGuard
    org: str
    event_type: str
    _answers: dict[tuple[str, str], list[ArchiveFile]] = field(default_factory=dict, repr=False)

    def __call__(self, dates: tuple[str, str]) -> list[ArchiveFile]:
        """The files of the org and type between two days."""
        files = self._answers[dates] = self._list_files(dates)
        self.guard.note_files(files)
        return files

    def has_changed(self) -> bool:
        """Whether any of what was asked for has another answer by now."""
        return any(self._list_files(dates) != files for dates, files in self._answers.items())

    def _list_files(self, dates: tuple[str, str]) -> list[ArchiveFile]:
        with self.database.read() as connection:
            return ledger.list_archive_files(
                connection, org=self.org, event_types=[self.event_type], dates=dates
            )


@dataclass(frozen=True, slots=True)
class CommittedArchive:
    """The ledger's view of the archive, and what rules have matched in it.

    `guard` is told which files are looked up, so that it can set aside those that are damaged.
    """

    database: Database
    archive: ArchiveStore
    guard: FileGuard

    def list_orgs(self) -> list[str]:
        """The orgs of which the archive holds events."""
        with self.database.read() as connection:
            return ledger.list_archived_orgs(connection)

    def set_absent_aside(self, now: datetime) -> None:
        """Set the files aside that are not there any more, whether somebody reads them or not."""
        with self.database.read() as connection:
            files = ledger.list_archive_files(connection)
        self.guard.set_absent_aside(files, now)

    def build_file_lookup(self, batch: Batch) -> FileLookup:
        """A lookup of the files of the batch's org and type between two days."""
        return FileLookup(
            database=self.database,
            guard=self.guard,
            org=batch.stream.org,
            event_type=batch.event_type,
        )

    def build_event_views(self, org: str, engine: duckdb.DuckDBPyConnection) -> EventViews:
        """Views of the events of an org, for one thread's connection to the engine."""

        def list_files(event_types: Sequence[str], span: TimeSpan) -> list[FileLocation]:
            with self.database.read() as connection:
                files = ledger.list_archive_files(
                    connection, org=org, event_types=event_types, between=span
                )
            self.guard.note_files(files)
            return self.archive.locate_files(files)

        def list_types() -> list[str]:
            with self.database.read() as connection:
                return ledger.list_archived_event_types(connection, org)

        return EventViews(connection=engine, org=org, list_files=list_files, list_types=list_types)

    def build_match_lookup(self, org: str) -> PreviousMatches:
        """A lookup of what rules have matched so far."""

        def read_weights(rule: str, span: TimeSpan) -> Mapping[str, tuple[Severity, float]]:
            with self.database.read() as connection:
                return alerts.read_match_weights(connection, org=org, rule=rule, between=span)

        return read_weights
