"""The files of the archive, added up: what is committed, retired and damaged of each type."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from collector.store import tables
from collector.store.integer_sums import sum_as_int


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveTotal:
    """What the archive holds of an event type of an org.

    Attributes:
        small_files: those of the files that have fewer bytes than was asked for.
        first_day, last_day: YYYY-MM-DD, UTC.
    """

    org: str
    event_type: str
    files: int
    small_files: int
    rows: int
    bytes: int
    first_day: str
    last_day: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileCount:
    """How many files there are, and their bytes in sum."""

    files: int
    bytes: int


def list_archive_totals(connection: sa.Connection, *, small_bytes: int) -> list[ArchiveTotal]:
    """The committed files by org and type; those with fewer than `small_bytes` are small."""
    table = tables.archive_files
    key = (table.c.org, table.c.event_type)
    query = (
        sa.select(
            *key,
            sa.func.count().label("files"),
            sum_as_int(sa.case((table.c.bytes < small_bytes, 1), else_=0)).label("small_files"),
            sum_as_int(table.c.rows).label("rows"),
            sum_as_int(table.c.bytes).label("bytes"),
            sa.func.min(table.c.date).label("first_day"),
            sa.func.max(table.c.date).label("last_day"),
        )
        .group_by(*key)
        .order_by(*key)
    )
    return [ArchiveTotal(**row._asdict()) for row in connection.execute(query)]


def count_retired_files(connection: sa.Connection) -> FileCount:
    """The files that wait for being deleted."""
    table = tables.retired_files
    row = connection.execute(sa.select(sa.func.count(), sum_as_int(table.c.bytes))).one()
    return FileCount(files=row[0], bytes=row[1] or 0)


def count_damaged_files(connection: sa.Connection) -> FileCount:
    """The files that were committed and cannot be read, each once."""
    table = tables.damaged_files
    each = sa.select(table.c.path, sa.func.max(table.c.bytes).label("bytes"))
    files = each.group_by(table.c.path).subquery()
    row = connection.execute(sa.select(sa.func.count(), sum_as_int(files.c.bytes))).one()
    return FileCount(files=row[0], bytes=row[1] or 0)
