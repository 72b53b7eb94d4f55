"""The committed files, events and matches, as the pipeline looks them up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import duckdb

from collector.archive.store import ArchiveStore
from collector.evaluation.correlation import PreviousMatches
from collector.evaluation.event_views import EventViews, TimeSpan
from collector.evaluation.temp_tables import TempTables
from collector.ingest.directory_cache import DirectoryCache
from collector.ingest.file_guard import FileGuard
from collector.ingest.file_swaps import FileSwaps
from collector.model import ArchiveFile, Batch, Severity
from collector.store import alerts, archive_file_rows, compacted_files, ledger
from collector.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLookup:
    """Looks up the committed files that may have events of a batch, too.

    It knows later whether the answers still hold.
    """

    database: Database
    guard: FileGuard
    swaps: FileSwaps
    batch: Batch
    _answers: dict[tuple[str, str], list[ArchiveFile]] = field(default_factory=dict, repr=False)

    def __call__(self, dates: tuple[str, str]) -> list[ArchiveFile]:
        """The files of the batch's org and type between two days.

        Where its records are not served twice (`dedupe`), compacted ones that have some of them.
        """
        files = self._answers[dates] = self._list_files(dates)
        self.guard.note_files(files)
        return files

    def has_changed(self) -> bool:
        """Whether any of what was asked for has another answer by now."""
        return any(
            self._differ(files, self._list_files(dates)) for dates, files in self._answers.items()
        )

    def _differ(self, before: list[ArchiveFile], after: list[ArchiveFile]) -> bool:
        """Whether two lists have other events: that files became one changes none."""
        return before != after and (
            self.swaps.list_sources(before) != self.swaps.list_sources(after)
        )

    def _list_files(self, dates: tuple[str, str]) -> list[ArchiveFile]:
        batch = self.batch
        with self.database.read() as connection:
            if not batch.dedupe:
                files = compacted_files.list_compacted_files(connection, batch.key)
                return [file for file in files if dates[0] <= file.date <= dates[1]]
            return ledger.list_archive_files(
                connection, org=batch.stream.org, event_types=[batch.event_type], dates=dates
            )


@dataclass(frozen=True, slots=True)
class CommittedArchive:
    """The ledger's view of the archive, and what rules have matched in it.

    `guard` is told which files are looked up, so that it can set aside those that are damaged.
    """

    database: Database
    archive: ArchiveStore
    guard: FileGuard
    swaps: FileSwaps
    directories: DirectoryCache

    def list_orgs(self) -> list[str]:
        """The orgs of which the archive holds events."""
        with self.database.read() as connection:
            return ledger.list_archived_orgs(connection)

    def set_absent_aside(self, now: datetime) -> None:
        """Set the files aside that are not there any more, whether somebody reads them or not."""
        with self.database.read() as connection:
            sizes = archive_file_rows.iterate_file_sizes(connection)
            absent_paths = self.archive.find_absent_paths(sizes)
            files = archive_file_rows.read_files(connection, absent_paths)
        self.guard.set_absent_aside(files, now)

    def build_file_lookup(self, batch: Batch) -> FileLookup:
        """A lookup of what there is of the batch, or may be."""
        return FileLookup(database=self.database, guard=self.guard, swaps=self.swaps, batch=batch)

    def build_event_views(self, org: str, engine: duckdb.DuckDBPyConnection) -> EventViews:
        """Views of the events of an org, for one thread's connection to the engine."""

        def list_files(event_types: Sequence[str], span: TimeSpan) -> list[ArchiveFile]:
            with self.database.read() as connection:
                files = ledger.list_archive_files(
                    connection, org=org, event_types=event_types, between=span
                )
            self.guard.note_files(files)
            return files

        def list_types() -> list[str]:
            with self.database.read() as connection:
                return ledger.list_archived_event_types(connection, org)

        return EventViews(
            connection=engine,
            org=org,
            list_files=list_files,
            locate_files=self.archive.locate_files,
            list_types=list_types,
            directory=self.directories.open_directory(org),
        )

    def build_batch_views(
        self,
        engine: duckdb.DuckDBPyConnection,
        batch_files: Sequence[ArchiveFile],
        *,
        org: str,
        event_type: str,
        temp_tables: TempTables,
    ) -> EventViews:
        """The same with what a batch brings in its files, beside what is committed.

        Those of them that are committed, since the batch is read or matched again, count once: a
        burst of two would be one of four otherwise.
        """
        committed = self.build_event_views(org, engine)
        paths = {file.path for file in batch_files}

        def list_other_files(event_types: Sequence[str], span: TimeSpan) -> list[ArchiveFile]:
            files = committed.list_files(event_types, span)
            return [file for file in files if file.path not in paths]

        return replace(
            committed,
            list_files=list_other_files,
            event_type=event_type,
            fresh_files=tuple(self.archive.locate_files(batch_files)),
            temp_tables=temp_tables,
        )

    def build_match_lookup(self, org: str) -> PreviousMatches:
        """A lookup of what rules have matched so far."""

        def read_weights(rule: str, span: TimeSpan) -> Mapping[str, tuple[Severity, float]]:
            with self.database.read() as connection:
                return alerts.read_match_weights(connection, org=org, rule=rule, between=span)

        return read_weights
