"""Files of the archive as columns, the same in every table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from collector.model import ArchiveFile
from collector.store import tables
from collector.store.chunks import split_chunks


def parse_archive_file(row: sa.Row[Any]) -> ArchiveFile:
    """The file of a row of `files`."""
    return ArchiveFile(
        path=row.path,
        org=row.org,
        event_type=row.event_type,
        date=row.date,
        rows=row.rows,
        bytes=row.bytes,
        first_time=row.first,
        last_time=row.last,
        sha256=row.sha256,
    )


def build_file_row(batch: str | None, file: ArchiveFile) -> dict[str, Any]:
    """The row of `files` of a file that belongs to a batch; None for a compacted one."""
    return {
        "path": file.path,
        "batch": batch,
        "org": file.org,
        "event_type": file.event_type,
        "date": file.date,
        "rows": file.rows,
        "bytes": file.bytes,
        "first": file.first_time,
        "last": file.last_time,
        "sha256": file.sha256,
    }


def count_files(connection: sa.Connection) -> int:
    """The number of committed files."""
    query = sa.select(sa.func.count()).select_from(tables.archive_files)
    return int(connection.scalar(query) or 0)


def iterate_file_sizes(connection: sa.Connection) -> Iterator[tuple[str, int]]:
    """Path and bytes of every committed file, in no order: half a million take a second."""
    table = tables.archive_files
    rows = connection.execute(sa.select(table.c.path, table.c.bytes))
    return ((path, size) for path, size in rows)


def read_files(connection: sa.Connection, paths: Sequence[str]) -> list[ArchiveFile]:
    """The committed files with these paths, by type, day and path."""
    table = tables.archive_files
    files = [
        parse_archive_file(row)
        for chunk in split_chunks(paths)
        for row in connection.execute(sa.select(table).where(table.c.path.in_(chunk)))
    ]
    return sorted(files, key=lambda file: (file.event_type, file.date, file.path))


def find_latest_event_time(connection: sa.Connection, *, org: str) -> datetime | None:
    """When the latest committed event of an org happened; None when there is none."""
    table = tables.archive_files
    latest = sa.func.max(table.c.last, type_=tables.MicrosecondTime())
    latest_time: datetime | None = connection.scalar(sa.select(latest).where(table.c.org == org))
    return latest_time
