"""Which committed files are to be compared with what the ledger says of them, and their hashes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from collector.model import ArchiveFile, BatchState
from collector.store import hash_chain, tables
from collector.store.archive_file_rows import parse_archive_file


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSelection:
    """Committed files: of one org, of some types, with an event at or after `since`; or all."""

    org: str | None = None
    event_types: Sequence[str] = ()
    since: datetime | None = None


ALL_FILES = FileSelection()


def measure_files(connection: sa.Connection, selection: FileSelection = ALL_FILES) -> int:
    """The bytes of the selected files, as they were committed."""
    total = sa.func.coalesce(sa.func.sum(tables.archive_files.c.bytes), 0)
    query = sa.select(sa.cast(total, sa.BigInteger)).where(*_match_selection(selection))
    return int(connection.scalar(query) or 0)


def list_next_files(
    connection: sa.Connection,
    *,
    after: str,
    limit: int,
    selection: FileSelection = ALL_FILES,
) -> list[ArchiveFile]:
    """The first so many of the selected files whose path comes after the given one."""
    table = tables.archive_files
    query = (
        sa.select(table)
        .where(table.c.path > after, *_match_selection(selection))
        .order_by(table.c.path)
        .limit(limit)
    )
    return [parse_archive_file(row) for row in connection.execute(query)]


def find_settled_file(connection: sa.Connection, path: str) -> ArchiveFile | None:
    """The committed file at a path; None where there is none.

    None, too, while its batch is about to be taken in again: that overwrites it before it commits.
    """
    table, batches = tables.archive_files, tables.batches
    query = (
        sa.select(table)
        .outerjoin(batches, batches.c.key == table.c.batch)
        .where(table.c.path == path, batches.c.state.is_distinct_from(BatchState.DAMAGED))
    )
    row = connection.execute(query).first()
    return None if row is None else parse_archive_file(row)


def save_hashes(connection: sa.Connection, files: Iterable[ArchiveFile]) -> None:
    """Give committed files the hashes that they lack. One that has a hash keeps it."""
    table = tables.archive_files
    hashed = [
        file
        for file in files
        if connection.execute(
            sa.update(table)
            .where(table.c.path == file.path, table.c.sha256 == "")
            .values(sha256=file.sha256)
        ).rowcount
    ]
    if hashed:
        document = {"added": hash_chain.describe_files(hashed)}
        hash_chain.append_chain_entry(connection, hash_chain.EntryKind.HASHED, document)


def _match_selection(selection: FileSelection) -> list[sa.ColumnElement[bool]]:
    table = tables.archive_files
    conditions: list[sa.ColumnElement[bool]] = []
    if selection.org is not None:
        conditions.append(table.c.org == selection.org)
    if selection.event_types:
        conditions.append(table.c.event_type.in_(selection.event_types))
    if selection.since is not None:
        conditions.append(table.c.last >= selection.since)
    return conditions
