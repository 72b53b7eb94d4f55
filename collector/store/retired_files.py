"""Files that the ledger has no more: others have their events, or they are older than is kept.

Whoever looked a file up before finds it for a while. Meanwhile it is a row of `retired`, so that
after a kill it is neither a stray nor missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from collector.model import ArchiveFile
from collector.store import tables
from collector.store.archive_file_rows import build_file_row, parse_archive_file
from collector.store.chunks import split_chunks


@dataclass(frozen=True, slots=True, kw_only=True)
class RetiredFile:
    """A file that waits for its deletion, and since when; `batch` is None for a compacted one."""

    file: ArchiveFile
    batch: str | None
    since: datetime


def retire_files(connection: sa.Connection, files: Sequence[ArchiveFile], *, now: datetime) -> None:
    """Take committed files out of the ledger; they are deleted later."""
    retired, committed, members = (
        tables.retired_files,
        tables.archive_files,
        tables.file_members,
    )
    batches: dict[str, Any] = {}
    for chunk in split_chunks([file.path for file in files]):
        query = sa.select(committed.c.path, committed.c.batch).where(committed.c.path.in_(chunk))
        batches |= {row.path: row.batch for row in connection.execute(query)}
        for table in (retired, members, committed):
            connection.execute(sa.delete(table).where(table.c.path.in_(chunk)))
    rows = [{**build_file_row(batches[file.path], file), "since": now} for file in files]
    if rows:
        connection.execute(sa.insert(retired), rows)


def list_retired_files(
    connection: sa.Connection, *, outside: tuple[datetime, datetime] | None = None
) -> list[RetiredFile]:
    """The files that may still be there, oldest first.

    `outside` leaves out those that were retired after the first and until the second time.
    """
    table = tables.retired_files
    query = sa.select(table).order_by(table.c.since, table.c.path)
    if outside is not None:
        query = query.where((table.c.since <= outside[0]) | (table.c.since > outside[1]))
    return [
        RetiredFile(file=parse_archive_file(row), batch=row.batch, since=row.since)
        for row in connection.execute(query)
    ]


def list_known_paths(connection: sa.Connection) -> Iterator[str]:
    """The paths of all files that are committed, or were until not long ago, in no order."""
    for table in (tables.archive_files, tables.retired_files):
        yield from connection.scalars(sa.select(table.c.path))


def is_committed(connection: sa.Connection, path: str) -> bool:
    """Whether a file is committed: a batch that was read again may have written it anew."""
    table = tables.archive_files
    return connection.scalar(sa.select(table.c.path).where(table.c.path == path)) is not None


def forget_retired_files(connection: sa.Connection, paths: Iterable[str]) -> None:
    """Forget files that are not there any more, or are committed again."""
    table = tables.retired_files
    for chunk in split_chunks(paths):
        connection.execute(sa.delete(table).where(table.c.path.in_(chunk)))
