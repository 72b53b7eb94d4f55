"""Writes events as Parquet files named after their batch: staged, made durable, renamed.

A replay of a batch overwrites its own files; a file counts only once the ledger names it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from collector.archive.parquet_sql import build_relation
from collector.escaping import quote_literal
from collector.model import ArchiveFile, Batch

PARQUET_FORMAT = "(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE 61440)"
"""How events are kept."""
STAGING_DIR = ".staging"


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedFile:
    """Events in a Parquet file that nobody reads yet, the earliest and the latest of them."""

    path: Path
    rows: int
    first: datetime
    last: datetime

    @property
    def day_range(self) -> tuple[date, date]:
        """The first and the last day (UTC)."""
        return self.first.date(), self.last.date()

    @property
    def date_range(self) -> tuple[str, str]:
        """The first and the last day, as the archive names them."""
        first, last = self.day_range
        return first.isoformat(), last.isoformat()


def stage_events(
    connection: duckdb.DuckDBPyConnection, select: str, *, root: Path, name: str
) -> StagedFile | None:
    """Run a SELECT of event rows into a file below `root`. None when it gave no row.

    Raises:
        duckdb.Error: the SELECT could not be run; no file remains.
    """
    path = root / STAGING_DIR / f"{name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        connection.execute(f"COPY ({select}) TO {quote_literal(str(path))} {PARQUET_FORMAT}")
        return _measure_file(connection, path)
    except duckdb.Error:
        path.unlink(missing_ok=True)
        raise


def place_events(
    connection: duckdb.DuckDBPyConnection, staged: StagedFile, *, root: Path, batch: Batch
) -> list[ArchiveFile]:
    """Move staged events to where they belong, a file for each day, durably."""
    first, last = staged.day_range
    if first == last:
        return [_publish_file(staged, staged.path.name, root=root, batch=batch)]
    return list(_place_by_day(connection, staged, "TRUE", root=root, batch=batch))


def place_new_events(
    connection: duckdb.DuckDBPyConnection,
    staged: StagedFile,
    *,
    root: Path,
    batch: Batch,
    existing_files: Sequence[Path],
) -> list[ArchiveFile]:
    """Like `place`, without the events whose `event_uid` one of the files `held` has already."""
    condition = (
        f"event_uid NOT IN (SELECT event_uid FROM {build_relation(existing_files)})"
        if existing_files
        else "TRUE"
    )
    return list(_place_by_day(connection, staged, condition, root=root, batch=batch))


def _place_by_day(
    connection: duckdb.DuckDBPyConnection,
    staged: StagedFile,
    condition: str,
    *,
    root: Path,
    batch: Batch,
) -> Iterator[ArchiveFile]:
    for day in _iterate_days(*staged.day_range):
        part = staged.path.with_name(f"{staged.path.stem}.{day}.parquet")
        connection.execute(
            f"COPY (SELECT * FROM {build_relation([staged.path])}"
            f" WHERE time::DATE = DATE '{day}' AND {condition}"
            f" QUALIFY row_number() OVER (PARTITION BY event_uid ORDER BY time) = 1)"
            f" TO {quote_literal(str(part))} {PARQUET_FORMAT}"
        )
        kept = _measure_file(connection, part)
        if kept is not None:
            yield _publish_file(kept, staged.path.name, root=root, batch=batch)
    staged.path.unlink()


def _publish_file(staged: StagedFile, name: str, *, root: Path, batch: Batch) -> ArchiveFile:
    """Move a file with the events of one day to its place."""
    day = staged.first.date().isoformat()
    relative = (
        Path(f"org={batch.stream.org}") / f"event_type={batch.event_type}" / f"date={day}" / name
    )
    target = root / relative
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _sync_path(staged.path)
    staged.path.chmod(0o600)
    staged.path.replace(target)
    _sync_path(target.parent)
    return ArchiveFile(
        path=relative.as_posix(),
        org=batch.stream.org,
        event_type=batch.event_type,
        date=day,
        rows=staged.rows,
        bytes=target.stat().st_size,
        first_time=staged.first,
        last_time=staged.last,
    )


def _measure_file(connection: duckdb.DuckDBPyConnection, path: Path) -> StagedFile | None:
    """What lies in a file that has been written; None, and no file, when there is no row."""
    row = connection.execute(
        f"SELECT count(*), min(time), max(time) FROM {build_relation([path])}"
    ).fetchone()
    assert row is not None  # noqa: S101 - an aggregate always answers
    rows, first, last = row
    if not rows:
        path.unlink()
        return None
    return StagedFile(path=path, rows=rows, first=first.astimezone(UTC), last=last.astimezone(UTC))


def _iterate_days(first: date, last: date) -> Iterator[date]:
    for offset in range((last - first).days + 1):
        yield first + timedelta(days=offset)


def _sync_path(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
