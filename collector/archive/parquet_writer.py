"""Writes events into staged Parquet files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from collector.archive.parquet_sql import FileLocation, build_relation
from collector.escaping import quote_literal

PARQUET_OPTIONS = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE 61440"
"""The COPY options of every file of events."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedFile:
    """A Parquet file of events that is not published yet, with its first and last event time.

    `metadata` is the COPY option that has written its footer (`file_origin.render_metadata`).
    """

    path: Path
    rows: int
    first: datetime
    last: datetime
    metadata: str

    @property
    def day_range(self) -> tuple[date, date]:
        """The first and the last day (UTC)."""
        return self.first.date(), self.last.date()

    @property
    def date_range(self) -> tuple[str, str]:
        """The first and the last day, as the archive names them."""
        first, last = self.day_range
        return first.isoformat(), last.isoformat()


def write_events(
    connection: duckdb.DuckDBPyConnection, select: str, path: Path, *, metadata: str
) -> StagedFile | None:
    """Run a SELECT of event rows into a file. None, and no file, when it gave no row.

    Raises:
        duckdb.Error: the SELECT could not be run; no file remains.
    """
    try:
        connection.execute(
            f"COPY ({select}) TO {quote_literal(str(path))} ({PARQUET_OPTIONS}, {metadata})"
        )
        return _measure_file(connection, path, metadata)
    except duckdb.Error:
        path.unlink(missing_ok=True)
        raise


def split_days(
    connection: duckdb.DuckDBPyConnection, staged: StagedFile, condition: str
) -> Iterator[StagedFile]:
    """A file for each day, beside the staged one, with the events that fulfil a SQL condition.

    Of events with the same uid the first is kept; days without events have no file.
    """
    first, last = staged.day_range
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        part = write_events(
            connection,
            f"SELECT * FROM {_build_file_relation(staged.path)}"
            f" WHERE time::DATE = DATE '{day}' AND {condition}"
            f" QUALIFY row_number() OVER (PARTITION BY event_uid ORDER BY time) = 1",
            staged.path.with_name(f"{staged.path.stem}.{day}.parquet"),
            metadata=staged.metadata,
        )
        if part is not None:
            yield part


def _measure_file(
    connection: duckdb.DuckDBPyConnection, path: Path, metadata: str
) -> StagedFile | None:
    """The staged file at a path; None, and no file, when it has no row."""
    row = connection.execute(
        f"SELECT count(*), min(time), max(time) FROM {_build_file_relation(path)}"
    ).fetchone()
    assert row is not None  # noqa: S101 - an aggregate always answers
    rows, first, last = row
    if not rows:
        path.unlink()
        return None
    return StagedFile(
        path=path,
        rows=rows,
        first=first.astimezone(UTC),
        last=last.astimezone(UTC),
        metadata=metadata,
    )


def _build_file_relation(path: Path) -> str:
    return build_relation([FileLocation(str(path))])
