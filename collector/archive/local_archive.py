"""The archive in a folder: `org=ORG/event_type=TYPE/date=YYYY-MM-DD/BATCH.parquet`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from collector.archive import (
    compaction,
    file_check,
    file_copies,
    footers,
    newest_files,
    parquet_writer,
)
from collector.archive.event_paths import iterate_event_paths
from collector.archive.file_hash import compute_sha256
from collector.archive.file_origin import render_metadata
from collector.archive.footers import FileFooter
from collector.archive.found_files import FoundFile, read_found_file
from collector.archive.member_origins import CompactedOrigin
from collector.archive.parquet_sql import FileLocation, build_relation
from collector.archive.parquet_writer import StagedFile
from collector.durable_files import sync_path
from collector.errors import CollectorError
from collector.escaping import quote_literal
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
            org, event_type = batch.stream.org, batch.event_type
            return [self._publish_file(staged, staged.path.name, org, event_type)]
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
        # What may be served twice is known by its uid alone; a file's records are its own.
        scope = "TRUE" if batch.dedupe else f"batch = {quote_literal(batch.key)}"
        condition = (
            f"event_uid NOT IN (SELECT event_uid FROM {existing} WHERE {scope})"
            if existing_files
            else "TRUE"
        )
        return list(self._publish_days(connection, staged, batch, condition))

    def read_footers(
        self, connection: duckdb.DuckDBPyConnection, files: Sequence[ArchiveFile]
    ) -> dict[str, FileFooter]:
        """By path, what the files say of themselves; those of earlier versions are left out."""
        by_location = dict(zip(self.locate_files(files), files, strict=True))
        found = footers.read_footers(connection, list(by_location))
        return {by_location[location].path: footer for location, footer in found.items()}

    def select_like_typed(
        self, connection: duckdb.DuckDBPyConnection, files: Sequence[ArchiveFile]
    ) -> list[ArchiveFile]:
        """The most of the files whose columns of one name are of one type."""
        by_location = dict(zip(self.locate_files(files), files, strict=True))
        chosen = compaction.select_like_typed(connection, list(by_location))
        return [by_location[location] for location in chosen]

    def stage_compacted_events(
        self,
        connection: duckdb.DuckDBPyConnection,
        files: Sequence[ArchiveFile],
        origin: CompactedOrigin,
    ) -> StagedFile:
        """Write the events of several files of a day into one of the staging folder."""
        staging = self.root / STAGING_FOLDER
        staging.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = staging / f"{compaction.name_compacted_file(files)}.parquet"
        return compaction.write_compacted_events(
            connection, self.locate_files(files), path, origin=origin
        )

    def publish_compacted_events(
        self, staged: StagedFile, files: Sequence[ArchiveFile]
    ) -> ArchiveFile:
        """Move what was made of these files to beside them, durably."""
        return self._publish_file(staged, staged.path.name, files[0].org, files[0].event_type)

    def delete_file(self, file: ArchiveFile) -> None:
        """Delete a file that is not committed, if it is there, and its day's folder if it was all.

        The folders above may be about to be written into.
        """
        path = self.root / file.path
        path.unlink(missing_ok=True)
        with suppress(OSError):
            path.parent.rmdir()

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

    def find_absent_paths(self, sizes: Iterable[tuple[str, int]]) -> list[str]:
        """Of committed files, by path and bytes, those that are not there as they were."""
        root = os.path.join(self.root, "")  # noqa: PTH118 - a Path for each takes ten times as long
        return [path for path, size in sizes if not file_check.is_present(root + path, size)]

    def describe_absence(self, file: ArchiveFile) -> str | None:
        """Why a committed file is not there as it was; None where it is, whatever is in it."""
        return file_check.describe_absence(self.root / file.path, file)

    def is_special(self, file: ArchiveFile) -> bool:
        """Whether a pipe, a socket or a device is in the place of a file."""
        return file_check.is_special(self.root / file.path)

    def describe_alteration(self, file: ArchiveFile) -> str | None:
        """Why a committed file's bytes are not those that were committed; None where they are."""
        return file_check.describe_alteration(self.root / file.path, file)

    def compute_hash(self, file: ArchiveFile) -> str:
        """The SHA-256 of the bytes that a file has now."""
        return compute_sha256(self.root / file.path)

    def count_events(self, connection: duckdb.DuckDBPyConnection, file: ArchiveFile) -> int:
        """How many events a file says that it has."""
        (location,) = self.locate_files([file])
        return file_check.count_events(connection, location)

    def describe_damage(
        self, connection: duckdb.DuckDBPyConnection, file: ArchiveFile
    ) -> str | None:
        """Why a committed file is altered or cannot be read; None where each of its values can."""
        (location,) = self.locate_files([file])
        alteration = self.describe_alteration(file)
        return alteration or file_check.describe_damage(connection, location, file)

    def move_file_aside(self, file: ArchiveFile, *, target_root: Path) -> None:
        """Move a committed file to below `target_root`, if there is one; it keeps its place."""
        if os.path.lexists(self.root / file.path):
            self._move_file(self.root / file.path, target_root)

    def copy_file_out(self, file: ArchiveFile, *, target_root: Path) -> bool:
        """Copy a committed file to its place below a folder; False where it is there already."""
        return file_copies.link_or_copy(self.root / file.path, target_root / file.path)

    def put_file_back(self, file: ArchiveFile, *, source_root: Path, sha256: str) -> None:
        """Copy a file from its place below a folder to where it belongs, durably."""
        file_copies.copy_verified(
            source_root / file.path, self.root / file.path, size=file.bytes, sha256=sha256
        )

    def has_event_files(self) -> bool:
        """Whether there is a Parquet file, committed or not; staged ones do not count."""
        return next(self._iterate_event_paths(), None) is not None

    def count_event_files(self) -> int:
        """The number of Parquet files, committed or not, without staged ones."""
        return sum(1 for _ in self._iterate_event_paths())

    def find_newest_files(self) -> Mapping[str, list[FileLocation]]:
        """By event type, for each org a file of the last day that it has any of."""
        return newest_files.find_newest_files(self.root)

    def list_newest_days(self) -> frozenset[str]:
        """The last day's folder of each org and event type."""
        return newest_files.list_newest_days(self.root)

    def list_uncommitted_paths(self, committed_paths: Iterable[str]) -> list[str]:
        """The places of all files of events that are not committed, in a stable order."""
        return sorted(set(self._iterate_event_paths()).difference(committed_paths))

    def read_found_file(self, connection: duckdb.DuckDBPyConnection, path: str) -> FoundFile:
        """What a file at such a place says of itself."""
        target = self.root / path
        digest = compute_sha256(target)
        size = target.stat().st_size
        found = read_found_file(connection, FileLocation(str(target)), path, size)
        return replace(found, file=replace(found.file, sha256=digest))

    def move_stray_files(self, committed_paths: Iterable[str], *, target_root: Path) -> int:
        """Move every Parquet file that is not committed to below `target_root`; return how many."""
        shutil.rmtree(self.root / STAGING_FOLDER, ignore_errors=True)
        stray_paths = self.list_uncommitted_paths(committed_paths)
        for path in stray_paths:
            self._move_file(self.root / path, target_root)
        return len(stray_paths)

    def read_ledger_id(self) -> str | None:
        """The id of the ledger that commits to it; None where none has claimed it.

        Raises CollectorError where its file is damaged.
        """
        path = self.root / LEDGER_ID_FILE_NAME
        damage = CollectorError(
            f"{path} does not hold the id of a ledger: it is damaged. Move it away: the archive"
            " is then recognised by its files, and the file is written again"
        )
        if file_check.is_special(path):
            raise damage
        try:
            text = path.read_text(encoding="ascii")
        except FileNotFoundError:
            return None
        except (UnicodeDecodeError, IsADirectoryError):
            raise damage from None
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
            name, org = staged.path.name, batch.stream.org
            yield self._publish_file(part, name, org, batch.event_type)
        staged.path.unlink()

    def _publish_file(
        self, staged: StagedFile, name: str, org: str, event_type: str
    ) -> ArchiveFile:
        """Move a file with the events of one day to its place; a replay overwrites its own."""
        day = staged.day_range[0].isoformat()
        path = f"org={org}/event_type={event_type}/date={day}/{name}"
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        sync_path(staged.path)
        staged.path.chmod(0o600)
        digest = compute_sha256(staged.path)
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
            sha256=digest,
        )

    def _move_file(self, path: Path, target_root: Path) -> None:
        target = target_root / path.relative_to(self.root)
        if file_check.is_special(path) and not path.is_symlink():
            path.unlink()  # there is nothing in it to keep, and no other disk takes it
            return
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.move(path, target)

    def _iterate_event_paths(self) -> Iterator[str]:
        return iterate_event_paths(self.root, left_out=STAGING_FOLDER)
