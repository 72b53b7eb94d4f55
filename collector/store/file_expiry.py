"""Committed files that are older than they are kept, and lost ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa

from collector.model import ArchiveFile, DamageState
from collector.store import compacted_files, folded_events, hash_chain, retired_files, tables
from collector.store.archive_file_rows import parse_archive_file
from collector.store.chunks import split_chunks


def list_archived_types(connection: sa.Connection) -> list[tuple[str, str]]:
    """The pairs of org and event type of which there are files, sound or lost."""
    pairs: set[tuple[str, str]] = set()
    for table in (tables.archive_files, tables.damaged_files):
        rows = connection.execute(sa.select(table.c.org, table.c.event_type).distinct())
        pairs.update((row.org, row.event_type) for row in rows)
    return sorted(pairs)


def list_files_before(
    connection: sa.Connection, *, org: str, event_type: str, date: str
) -> list[ArchiveFile]:
    """The committed files of the days before one, `YYYY-MM-DD`, oldest first.

    Without those of batches that are not taken in as a whole yet.
    """
    table, members, unfinished = (
        tables.archive_files,
        tables.file_members,
        tables.unfinished_batches,
    )
    unfinished_members = sa.select(members.c.path).join(
        unfinished, unfinished.c.key == members.c.batch
    )
    query = (
        sa.select(table)
        .outerjoin(unfinished, unfinished.c.key == table.c.batch)
        .where(
            table.c.org == org,
            table.c.event_type == event_type,
            table.c.date < date,
            unfinished.c.key.is_(None),
            table.c.path.not_in(unfinished_members),
        )
        .order_by(table.c.date, table.c.path)
    )
    return [parse_archive_file(row) for row in connection.execute(query)]


def expire_files(
    connection: sa.Connection, files: Sequence[ArchiveFile], *, now: datetime
) -> list[ArchiveFile]:
    """Take files out of the ledger, which counts their events as pruned; they are deleted later.

    Returns those of them that were committed until now.
    """
    batches = tables.batches
    members_by_path = compacted_files.read_members(connection, [file.path for file in files])
    pruned: Counter[str] = Counter()
    for members in members_by_path.values():
        pruned.update(members)
    for key, rows in pruned.items():
        values = {"rows": batches.c.rows - rows, "pruned": batches.c.pruned + rows}
        connection.execute(sa.update(batches).where(batches.c.key == key).values(values))
    expired = [file for file in files if file.path in members_by_path]
    for file in expired:
        count = folded_events.count_folded_events(file, members_by_path[file.path])
        folded_events.count_as_pruned(connection, file, count)
    retired_files.retire_files(connection, expired, now=now)
    document = {"removed": sorted(file.path for file in expired)}
    hash_chain.append_chain_entry(connection, hash_chain.EntryKind.EXPIRED, document)
    return expired


def forget_pruned_events(connection: sa.Connection, batch: str) -> None:
    """Count no event of a batch as pruned: it is read again, and they are written with it."""
    table = tables.batches
    connection.execute(sa.update(table).where(table.c.key == batch).values(pruned=0))


def list_lost_files_before(
    connection: sa.Connection, *, org: str, event_type: str, date: str
) -> list[ArchiveFile]:
    """The damaged files of the days before one that cannot be had again."""
    table = tables.damaged_files
    query = sa.select(table).where(
        table.c.org == org,
        table.c.event_type == event_type,
        table.c.date < date,
        table.c.state == DamageState.LOST,
    )
    return [parse_archive_file(row) for row in connection.execute(query)]


def forget_lost_files(connection: sa.Connection, files: Iterable[ArchiveFile]) -> None:
    """Delete what the state says of damaged files that cannot be had again.

    Of a compacted one, that is what it had of some of its batches.
    """
    table = tables.damaged_files
    for chunk in split_chunks([file.path for file in files]):
        connection.execute(
            sa.delete(table).where(table.c.path.in_(chunk), table.c.state == DamageState.LOST)
        )
