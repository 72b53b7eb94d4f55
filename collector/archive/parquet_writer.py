"""Writes events into staged Parquet files."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb

from collector.archive.parquet_sql import FileLocation, build_relation
from collector.escaping import quote_literal

_FORMAT_OPTIONS = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1"

PARQUET_OPTIONS = f"{_FORMAT_OPTIONS}, ROW_GROUP_SIZE 61440"
"""The COPY options of every file of events that a batch brings."""

FRUGAL_OPTIONS = f"{_FORMAT_OPTIONS}, ROW_GROUP_SIZE 20480"
"""The same where memory is short: the engine holds a group of rows at a time, uncompressed."""

_DAY_COLUMN = '"#day"'
"""No column of events can have this name."""

_DAYS_PER_COPY = 100
"""The engine buffers the days that it writes at once, and holds a file open for each."""

_DAYS_SUFFIX = ".days"


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
    connection: duckdb.DuckDBPyConnection,
    select: str,
    path: Path,
    *,
    metadata: str,
    options: str = PARQUET_OPTIONS,
) -> StagedFile | None:
    """Run a SELECT of event rows into a file. None, and no file, when it gave no row.

    Raises:
        duckdb.Error: the SELECT could not be run; no file remains.
    """
    try:
        connection.execute(f"COPY ({select}) TO {quote_literal(str(path))} ({options}, {metadata})")
        return _measure_file(connection, path, metadata)
    except duckdb.Error:
        path.unlink(missing_ok=True)
        raise


def split_days(
    connection: duckdb.DuckDBPyConnection, staged: StagedFile, condition: str
) -> Iterator[StagedFile]:
    """A file for each day, beside the staged one, with the events that fulfil a SQL condition.

    Of events with the same uid the first of a day is kept; days without events have no file. What
    it costs depends on the days that there are, however far apart they lie.
    """
    days = _list_days(connection, staged.path)
    for start in range(0, len(days), _DAYS_PER_COPY):
        yield from _split_span(connection, staged, condition, days[start : start + _DAYS_PER_COPY])


def _list_days(connection: duckdb.DuckDBPyConnection, path: Path) -> list[date]:
    rows = connection.execute(
        f"SELECT DISTINCT time::DATE FROM {_build_file_relation(path)} ORDER BY ALL"
    ).fetchall()
    return [day for (day,) in rows]


def _split_span(
    connection: duckdb.DuckDBPyConnection, staged: StagedFile, condition: str, days: Sequence[date]
) -> Iterator[StagedFile]:
    """The files of some of the days, which are neighbours; written together."""
    folder = staged.path.with_suffix(_DAYS_SUFFIX)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        connection.execute(
            f"COPY (SELECT *, time::DATE AS {_DAY_COLUMN} FROM {_build_file_relation(staged.path)}"
            f" WHERE {_DAY_COLUMN} BETWEEN DATE '{days[0]}' AND DATE '{days[-1]}' AND {condition}"
            f" QUALIFY row_number() OVER (PARTITION BY {_DAY_COLUMN}, event_uid ORDER BY time) = 1)"
            f" TO {quote_literal(str(folder))}"
            f" ({PARQUET_OPTIONS}, {staged.metadata}, PARTITION_BY ({_DAY_COLUMN}))"
        )
        for day in days:
            part = _take_day_file(connection, staged, folder, day)
            if part is not None:
                yield part
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _take_day_file(
    connection: duckdb.DuckDBPyConnection, staged: StagedFile, folder: Path, day: date
) -> StagedFile | None:
    """The file of a day; None where no event of it was written."""
    paths = sorted(folder.glob(f"*={day}/*.parquet"))
    if not paths:
        return None
    target = staged.path.with_name(f"{staged.path.stem}.{day}.parquet")
    if len(paths) > 1:  # the engine may begin another one when it holds many open
        relation = build_relation(FileLocation(str(path)) for path in paths)
        return write_events(
            connection, f"SELECT * FROM {relation}", target, metadata=staged.metadata
        )
    paths[0].replace(target)
    return _measure_file(connection, target, staged.metadata)


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
