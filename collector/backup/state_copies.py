"""A folder of copies of one state, each in a folder of its own that is named after its moment."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from collector import __version__
from collector.backup.manifest import (
    MANIFEST_NAME,
    Manifest,
    StateCounts,
    hash_file,
    read_manifest,
    write_manifest,
)
from collector.durable_files import sync_path
from collector.errors import BackupError, StateDatabaseError
from collector.store import ledger_identity, state_copy, tables
from collector.store.database import DATABASE_FILE_NAME, open_database_for_reading

_PART = ".part"


@dataclass(frozen=True, slots=True, kw_only=True)
class StateCopy:
    """One copy of a state, and the folder that it is in."""

    folder: Path
    manifest: Manifest

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.folder.name

    @property
    def database(self) -> Path:
        """The file of the state database."""
        return self.folder / DATABASE_FILE_NAME

    def check_content(self) -> None:
        """Make sure that it is what was copied, and can be opened; nothing is changed.

        Raises:
            BackupError: it is not, or it cannot be read.
        """
        try:
            if hash_file(self.database) != self.manifest.sha256:
                raise BackupError(
                    f"{self.database} is not what was copied: its hash is another one"
                )
            state_copy.check_copy(self.database)
        except OSError as error:
            raise BackupError(f"{self.database} cannot be read: {error.strerror}") from None
        except StateDatabaseError as error:
            raise BackupError(str(error)) from None


def list_copies(root: Path) -> list[StateCopy]:
    """The copies below a folder, the newest first; what has no readable manifest is none."""
    copies: list[StateCopy] = []
    for manifest_path in root.glob(f"*/{MANIFEST_NAME}"):
        folder = manifest_path.parent
        if folder.name.startswith("."):
            continue
        try:
            copies.append(StateCopy(folder=folder, manifest=read_manifest(folder)))
        except BackupError:
            continue
    return sorted(copies, key=lambda copy: (copy.manifest.taken, copy.name), reverse=True)


def list_unreadable(root: Path) -> dict[str, str]:
    """Why folders that are called copies below a folder are none, by their names."""
    reasons: dict[str, str] = {}
    for folder in root.glob("[!.]*"):
        try:
            read_manifest(folder)
        except BackupError as error:
            reasons[folder.name] = str(error)
    return reasons


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyFolder:
    """Where a copy is being written, and where it will be."""

    part: Path
    target: Path


@contextmanager
def build_copy_folder(root: Path, now: datetime) -> Iterator[CopyFolder]:
    """A folder to write a copy into. At the end of the block it is durable, and has its name.

    Where the block raises, nothing of it stays; after a kill `remove_leftovers` takes it away.
    """
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    name = _choose_name(root, now)
    part = root / f".{name}{_PART}"
    part.mkdir(mode=0o700)
    try:
        yield CopyFolder(part=part, target=root / name)
        for path in sorted(part.rglob("*"), reverse=True):
            sync_path(path)
        sync_path(part)
        part.replace(root / name)
        sync_path(root)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def remove_leftovers(root: Path) -> None:
    """Remove what somebody who was killed has left. Nobody else may be writing a copy."""
    for path in root.glob(f".*{_PART}"):
        shutil.rmtree(path, ignore_errors=True)


def remove_copy(copy: StateCopy) -> None:
    """Remove a copy: it is there whole, or not at all."""
    part = copy.folder.with_name(f".{copy.name}{_PART}")
    shutil.rmtree(part, ignore_errors=True)
    copy.folder.replace(part)
    shutil.rmtree(part)


def write_state(
    folder: Path, source: Path, *, now: datetime, stop_event: threading.Event
) -> Manifest:
    """Copy a state database into such a folder, and write its manifest beside it.

    Raises:
        DamagedStateError: the state is damaged.
        StateDatabaseError: it cannot be read.
        StoppedError: `stop_event` was set.
        OSError: the copy cannot be written.
    """
    target = folder / DATABASE_FILE_NAME
    state_copy.copy_database(source, target, stop_event=stop_event)
    ledger_id, counts = _read_contents(folder)
    manifest = Manifest(
        collector=__version__,
        taken=now,
        bytes=target.stat().st_size,
        sha256=hash_file(target),
        schema=state_copy.read_schema(target),
        ledger=ledger_id,
        counts=counts,
    )
    write_manifest(folder, manifest)
    return manifest


def _choose_name(root: Path, now: datetime) -> str:
    name = f"{now:%Y-%m-%dT%H%M%SZ}"
    return name if not (root / name).exists() else f"{now:%Y-%m-%dT%H%M%S.%fZ}"


def _read_contents(folder: Path) -> tuple[str, StateCounts]:
    """The ledger's id and what there is; that it can be asked is a part of its being good."""
    database = open_database_for_reading(folder)
    try:
        with database.read() as connection:
            ledger_id = ledger_identity.read_ledger_id(connection) or ""
            counts = StateCounts(
                alerts=_count_rows(connection, tables.alerts),
                deliveries=_count_rows(connection, tables.deliveries),
                batches=_count_rows(connection, tables.batches),
                files=_count_rows(connection, tables.archive_files),
                events=int(
                    connection.scalar(sa.select(sa.func.sum(tables.archive_files.c.rows))) or 0
                ),
            )
    finally:
        database.close()
    return ledger_id, counts


def _count_rows(connection: sa.Connection, table: sa.Table) -> int:
    return int(connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0)
