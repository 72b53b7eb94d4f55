"""The archive in a folder: `org=ORG/event_type=TYPE/date=YYYY-MM-DD/BATCH.parquet`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from collector.archive import file_check, parquet_writer
from collector.archive.file_origin import render_metadata
from collector.archive.found_files import FoundFile, read_found_file
from collector.archive.parquet_sql import FileLocation, build_relation
from collector.archive.parquet_writer import StagedFile
from collector.durable_files import sync_path
from collector.errors import CollectorError
from collector.model import ArchiveFile, Batch

STAGING_FOLDER = ".staging"
LEDGER_ID_FILE_NAME = "_ledger_id"
"""Readers of Parquet folders pass over names that begin with an underscore."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalArchive:
    """An `ArchiveStore` below a folder of this machine."""

    root: Path

    @property
    def place(self) -> str:
        """The folder."""
        return str(self.root)

    def stage_events(
        self, connection: duckdb.DuckDBPyConnection, select: str, *, name: str, batch: Batch
    ) -> StagedFile | None:
        """Run a SELECT of event rows into a file of the staging folder; None without a row."""
        staging = self.root / STAGING_FOLDER
        staging.mkdir(parents=True, exist_ok=True, mode=0o700)
        path, metadata = staging / f"{name}.parquet", render_metadata(batch)
        return parquet_writer.write_events(connection, select, path, metadata=metadata)

    def publish_events(
        self, connection: duckdb.DuckDBPyConnection, staged: StagedFile, batch: Batch
    ) -> list[ArchiveFile]:
        """Move staged events to where they belong, a file for each day, durably."""
        first, last = staged.day_range
        if first == last:
            return [self._publish_file(staged, staged.path.name, batch)]
        return list(self._publish_days(connection, staged, batch, "TRUE"))

    def publish_new_events(
        self,
        connection: duckdb.DuckDBPyConnection,
        staged: StagedFile,
        batch: Batch,
        existing_files: Sequence[ArchiveFile],
    ) -> list[ArchiveFile]:
        """The same without the events whose `event_uid` one of the existing files has."""
        existing = build_relation(self.locate_files(existing_files))
        condition = (
            f"event_uid NOT IN (SELECT event_uid FROM {existing})" if existing_files else "TRUE"
        )
        return list(self._publish_days(connection, staged, batch, condition))

    def locate_files(self, files: Iterable[ArchiveFile]) -> list[FileLocation]:
        """Their paths, in the same order."""
        return [FileLocation(str(self.root / file.path)) for file in files]

    def measure_file(self, file: ArchiveFile) -> int | None:
        """The size of a file in bytes; None where it does not exist."""
        try:
            return (self.root / file.path).stat().st_size
        except FileNotFoundError:
            return None

    def check_readable(self) -> None:
        """Raise CollectorError where the folder is not there, or may not be read."""
        file_check.check_folder(self.root)

    def describe_absence(self, file: ArchiveFile) -> str | None:
        """Why a committed file is not there as it was; None where it is, whatever is in it."""
        return file_check.describe_absence(self.root / file.path, file)

    def describe_damage(
        self, connection: duckdb.DuckDBPyConnection, file: ArchiveFile
    ) -> str | None:
        """Why a committed file cannot be read; None where each of its values can be."""
        (location,) = self.locate_files([file])
        absence = self.describe_absence(file)
        return absence or file_check.describe_damage(connection, location, file)

    def move_file_aside(self, file: ArchiveFile, *, target_root: Path) -> None:
        """Move a committed file to below `target_root`, if there is one; it keeps its place."""
        if os.path.lexists(self.root / file.path):
            self._move_file(self.root / file.path, target_root)

    def count_event_files(self) -> int:
        """The number of Parquet files, committed or not, without staged ones."""
        return sum(1 for _ in self._list_event_files())

    def list_uncommitted_paths(self, committed_files: Iterable[ArchiveFile]) -> list[str]:
        """The places of all files of events that are not committed, in a stable order."""
        committed_paths = {file.path for file in committed_files}
        present_paths = (str(path.relative_to(self.root)) for path in self._list_event_files())
        return sorted(path for path in present_paths if path not in committed_paths)

    def read_found_file(self, connection: duckdb.DuckDBPyConnection, path: str) -> FoundFile:
        """What a file at such a place says of itself."""
        target = self.root / path
        size = target.stat().st_size
        return read_found_file(connection, FileLocation(str(target)), path, size)

    def move_stray_files(self, committed_files: Iterable[ArchiveFile], *, target_root: Path) -> int:
        """Move every Parquet file that is not committed to below `target_root`; return how many."""
        shutil.rmtree(self.root / STAGING_FOLDER, ignore_errors=True)
        stray_paths = self.list_uncommitted_paths(committed_files)
        for path in stray_paths:
            self._move_file(self.root / path, target_root)
        return len(stray_paths)

    def read_ledger_id(self) -> str | None:
        """The id of the ledger that commits to it; None where none has claimed it.

        Raises CollectorError where its file is damaged.
        """
        path = self.root / LEDGER_ID_FILE_NAME
        try:
            text = path.read_text(encoding="ascii")
        except FileNotFoundError:
            return None
        except (UnicodeDecodeError, IsADirectoryError):
            raise CollectorError(
                f"{path} does not hold the id of a ledger: it is damaged. Move it away: the archive"
                " is then recognised by its files, and the file is written again"
            ) from None
        return text.strip() or None

    def write_ledger_id(self, ledger_id: str) -> None:
        """Store durably the id of the ledger that commits to it."""
        path = self.root / LEDGER_ID_FILE_NAME
        temporary = path.with_suffix(".part")
        temporary.touch(mode=0o600)
        temporary.write_text(f"{ledger_id}\n", encoding="ascii")
        sync_path(temporary)
        temporary.replace(path)

    def _publish_days(
        self,
        connection: duckdb.DuckDBPyConnection,
        staged: StagedFile,
        batch: Batch,
        condition: str,
    ) -> Iterator[ArchiveFile]:
        for part in parquet_writer.split_days(connection, staged, condition):
            yield self._publish_file(part, staged.path.name, batch)
        staged.path.unlink()

    def _publish_file(self, staged: StagedFile, name: str, batch: Batch) -> ArchiveFile:
        """Move a file with the events of one day to its place; a replay overwrites its own."""
        org, event_type, day = batch.stream.org, batch.event_type, staged.day_range[0].isoformat()
        path = f"org={org}/event_type={event_type}/date={day}/{name}"
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        sync_path(staged.path)
        staged.path.chmod(0o600)
        staged.path.replace(target)
        sync_path(target.parent)
        return ArchiveFile(
            path=path,
            org=org,
            event_type=event_type,
            date=day,
            rows=staged.rows,
            bytes=target.stat().st_size,
            first_time=staged.first,
            last_time=staged.last,
        )

    def _move_file(self, path: Path, target_root: Path) -> None:
        target = target_root / path.relative_to(self.root)
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.move(path, target)

    def _list_event_files(self) -> Iterator[Path]:
        staging = self.root / STAGING_FOLDER
        return (path for path in self.root.rglob("*.parquet") if not path.is_relative_to(staging))
