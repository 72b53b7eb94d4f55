"""Puts a prepared state database into the place of the present one, which is kept."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from collector.durable_files import sync_path
from collector.ingest.state_paths import StatePaths
from collector.store.database import DATABASE_FILE_NAME

_SUFFIXES = ("", "-wal", "-shm")
"""The database first: what belongs to it means nothing without it."""


def find_last_change(state_dir: Path) -> datetime | None:
    """When the present state database was changed last; None where there is none."""
    paths = (state_dir / f"{DATABASE_FILE_NAME}{suffix}" for suffix in _SUFFIXES[:2])
    times = [path.stat().st_mtime for path in paths if path.exists()]
    return datetime.fromtimestamp(max(times), UTC) if times else None


def swap_state(paths: StatePaths, prepared: Path, *, now: datetime) -> Path | None:
    """Move the present database to where evidence is kept, and the prepared one to its place.

    Whoever is killed in between leaves no database, and the prepared one, which is whole: nothing
    is collected into a new one as long as there is an archive.

    Returns where the former one is now; None where there was none.
    """
    _settle_file(prepared)
    evidence = paths.damaged_files / f"state-{now:%Y%m%dT%H%M%S.%fZ}"
    moved = False
    for suffix in _SUFFIXES:
        present = paths.state_dir / f"{DATABASE_FILE_NAME}{suffix}"
        if os.path.lexists(present):
            evidence.mkdir(parents=True, exist_ok=True, mode=0o700)
            present.replace(evidence / present.name)
            moved = True
    if moved:
        sync_path(evidence)
    prepared.replace(paths.state_dir / DATABASE_FILE_NAME)
    sync_path(paths.state_dir)
    return evidence if moved else None


def _settle_file(prepared: Path) -> None:
    """Let all of a database be in its one file, on the disk."""
    with closing(sqlite3.connect(prepared)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA journal_mode = DELETE")
    prepared.chmod(0o600)
    sync_path(prepared)
