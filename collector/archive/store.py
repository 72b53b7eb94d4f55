"""The interface of an event store, wherever its files are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

import duckdb

from collector.archive.found_files import FoundFile
from collector.archive.parquet_sql import FileLocation
from collector.archive.parquet_writer import StagedFile
from collector.model import ArchiveFile, Batch


class ArchiveStore(Protocol):
    """Files of events, each of one org, type and day. One counts once the ledger names it."""

    @property
    def place(self) -> str:
        """Its location, as people read it."""
        ...

    def stage_events(
        self, connection: duckdb.DuckDBPyConnection, select: str, *, name: str, batch: Batch
    ) -> StagedFile | None:
        """Run a SELECT of event rows into a staged file, which names the batch that it is of.

        None when it gave no row.

        Raises:
            duckdb.Error: the SELECT could not be run; no file remains.
        """
        ...

    def publish_events(
        self, connection: duckdb.DuckDBPyConnection, staged: StagedFile, batch: Batch
    ) -> list[ArchiveFile]:
        """Move staged events durably to where they belong, a file for each day."""
        ...

    def publish_new_events(
        self,
        connection: duckdb.DuckDBPyConnection,
        staged: StagedFile,
        batch: Batch,
        existing_files: Sequence[ArchiveFile],
    ) -> list[ArchiveFile]:
        """The same without the events whose `event_uid` one of the existing files has."""
        ...

    def locate_files(self, files: Iterable[ArchiveFile]) -> list[FileLocation]:
        """What the engine reads the files by, in their order."""
        ...

    def measure_file(self, file: ArchiveFile) -> int | None:
        """The size of a file in bytes; None where it does not exist."""
        ...

    def check_readable(self) -> None:
        """Raise CollectorError where the archive as a whole is not there, or may not be read."""
        ...

    def describe_absence(self, file: ArchiveFile) -> str | None:
        """Why a committed file is not there as it was; None where it is, whatever is in it.

        It takes a look at the file, and reads nothing of it.
        """
        ...

    def describe_damage(
        self, connection: duckdb.DuckDBPyConnection, file: ArchiveFile
    ) -> str | None:
        """Why a committed file cannot be read; None where each of its values can be.

        It reads the whole file.
        """
        ...

    def move_file_aside(self, file: ArchiveFile, *, target_root: Path) -> None:
        """Move a committed file to below `target_root`, if there is one; it keeps its place."""
        ...

    def count_event_files(self) -> int:
        """The number of files of events, committed or not, without staged ones."""
        ...

    def list_uncommitted_paths(self, committed_files: Iterable[ArchiveFile]) -> list[str]:
        """The places of all files of events that are not committed, in a stable order."""
        ...

    def read_found_file(self, connection: duckdb.DuckDBPyConnection, path: str) -> FoundFile:
        """What a file at such a place says of itself.

        Raises:
            duckdb.Error: it cannot be read.
            ValueError: it is no file of events, or not at its place.
        """
        ...

    def move_stray_files(self, committed_files: Iterable[ArchiveFile], *, target_root: Path) -> int:
        """Move every file that is not committed to below `target_root`; return how many.

        They keep their places: a ledger that was restored from a backup may be older than the
        archive, and what it does not know was committed once. Staged files are deleted. Only for a
        process that holds the state directory's lock: another one may be about to commit.
        """
        ...

    def read_ledger_id(self) -> str | None:
        """The id of the ledger that commits to it; None where none has claimed it."""
        ...

    def write_ledger_id(self, ledger_id: str) -> None:
        """Store durably the id of the ledger that commits to it."""
        ...
