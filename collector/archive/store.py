"""The interface of an event store, wherever its files are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import duckdb

from collector.archive.footers import FileFooter
from collector.archive.found_files import FoundFile
from collector.archive.member_origins import CompactedOrigin
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
        """The same without the events whose `event_uid` one of the existing files has.

        Of a batch whose records are not served twice (`dedupe`), only its own are looked for.
        """
        ...

    def read_footers(
        self, connection: duckdb.DuckDBPyConnection, files: Sequence[ArchiveFile]
    ) -> dict[str, FileFooter]:
        """By path, what the files say of themselves; those of earlier versions are left out.

        Raises:
            duckdb.Error: one of them cannot be read.
            ValueError: what one of them says is nothing that we wrote.
        """
        ...

    def select_like_typed(
        self, connection: duckdb.DuckDBPyConnection, files: Sequence[ArchiveFile]
    ) -> list[ArchiveFile]:
        """The most of the files whose columns of one name are of one type."""
        ...

    def stage_compacted_events(
        self,
        connection: duckdb.DuckDBPyConnection,
        files: Sequence[ArchiveFile],
        origin: CompactedOrigin,
    ) -> StagedFile:
        """Write the events of several files of one org, type and day into one staged file.

        Raises:
            CompactionError: it would not have the same events; no file remains.
            duckdb.Error: they could not be read or written; no file remains.
        """
        ...

    def publish_compacted_events(
        self, staged: StagedFile, files: Sequence[ArchiveFile]
    ) -> ArchiveFile:
        """Move what was made of these files to beside them, durably."""
        ...

    def delete_file(self, file: ArchiveFile) -> None:
        """Delete a file that is not committed, if it is there, and the folder if it was all."""
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

    def find_absent_paths(self, sizes: Iterable[tuple[str, int]]) -> list[str]:
        """Of committed files, by path and bytes, those that are not there as they were.

        It takes a look at each file, as `describe_absence` does, and no longer than that.
        """
        ...

    def describe_absence(self, file: ArchiveFile) -> str | None:
        """Why a committed file is not there as it was; None where it is, whatever is in it.

        It takes a look at the file, and reads nothing of it.
        """
        ...

    def is_special(self, file: ArchiveFile) -> bool:
        """Whether a pipe, a socket or a device is in a file's place: reading it may not end."""
        ...

    def describe_alteration(self, file: ArchiveFile) -> str | None:
        """Why a committed file's bytes are not those that were committed; None where they are.

        It reads the whole file, and its values not; of a file without a hash it sees the absence.
        """
        ...

    def compute_hash(self, file: ArchiveFile) -> str:
        """The SHA-256 of the bytes that a file has now. Raises OSError where it is not readable."""
        ...

    def count_events(self, connection: duckdb.DuckDBPyConnection, file: ArchiveFile) -> int:
        """How many events a file says that it has. Raises duckdb.Error where it is not readable."""
        ...

    def describe_damage(
        self, connection: duckdb.DuckDBPyConnection, file: ArchiveFile
    ) -> str | None:
        """Why a committed file is altered or cannot be read; None where each of its values can be.

        It reads the whole file.
        """
        ...

    def move_file_aside(self, file: ArchiveFile, *, target_root: Path) -> None:
        """Move a committed file to below `target_root`, if there is one; it keeps its place."""
        ...

    def copy_file_out(self, file: ArchiveFile, *, target_root: Path) -> bool:
        """Copy a committed file to its place below a folder; False where it is there already.

        The copy is on the disk once its folder is synchronized. Raises OSError.
        """
        ...

    def put_file_back(self, file: ArchiveFile, *, source_root: Path, sha256: str) -> None:
        """Copy a file from its place below a folder to where it belongs, durably.

        `sha256` is its hash, empty where nobody knows it.

        Raises:
            ValueError: what is there is not that file.
            OSError: it cannot be copied.
        """
        ...

    def has_event_files(self) -> bool:
        """Whether there is a file of events, committed or not; staged ones do not count."""
        ...

    def count_event_files(self) -> int:
        """The number of files of events, committed or not, without staged ones."""
        ...

    def find_newest_files(self) -> Mapping[str, list[FileLocation]]:
        """By event type, for each org a file of the last day that it has any of, committed or not.

        None where there is no archive.
        """
        ...

    def list_newest_days(self) -> frozenset[str]:
        """A text for the last day of each org and event type that there are files of."""
        ...

    def list_uncommitted_paths(self, committed_paths: Iterable[str]) -> list[str]:
        """The places of all files of events that are not committed, in a stable order."""
        ...

    def read_found_file(self, connection: duckdb.DuckDBPyConnection, path: str) -> FoundFile:
        """What a file at such a place says of itself.

        Raises:
            duckdb.Error: it cannot be read.
            ValueError: it is no file of events, or not at its place.
        """
        ...

    def move_stray_files(self, committed_paths: Iterable[str], *, target_root: Path) -> int:
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
