"""A file of the archive as columns, the same in every table."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from collector.model import ArchiveFile


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
    )


def build_file_row(batch: str, file: ArchiveFile) -> dict[str, Any]:
    """The row of `files` of a file that belongs to a batch."""
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
    }
