"""Files that hold rows of many batches: which, and what they took the place of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from collector.model import ArchiveFile, Batch, BatchState, DamageState, parse_facts
from collector.store import hash_chain, retired_files, tables
from collector.store.archive_file_rows import build_file_row, parse_archive_file, read_files
from collector.store.chunks import split_chunks
from collector.store.stream_rows import parse_stream_row

UNSETTLED_STATES = (BatchState.PENDING, BatchState.DAMAGED)
"""Of batches that are read again, or go on: their files stay as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CrowdedDay:
    """A type and day (YYYY-MM-DD, UTC) of an org that has many files."""

    org: str
    event_type: str
    date: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CrowdLimits:
    """How many files below `small_bytes` a type may have of a day: from `today` on, and before."""

    small_bytes: int
    today: str
    files_today: int
    files_before: int


def count_compacted_rows(connection: sa.Connection, batch: str) -> int:
    """How many events of a batch compacted files have."""
    table = tables.file_members
    query = sa.select(sa.func.sum(table.c.rows)).where(table.c.batch == batch)
    return int(connection.scalar(query) or 0)


def list_compacted_files(connection: sa.Connection, batch: str) -> list[ArchiveFile]:
    """The compacted files that have events of a batch."""
    files, members = tables.archive_files, tables.file_members
    query = (
        sa.select(files)
        .join(members, members.c.path == files.c.path)
        .where(members.c.batch == batch)
        .order_by(files.c.path)
    )
    return [parse_archive_file(row) for row in connection.execute(query)]


def insert_compacted_file(
    connection: sa.Connection, file: ArchiveFile, members: Mapping[str, int]
) -> None:
    """Commit a file with events of several batches; `members` says how many of each.

    Those of folded batches have no member.
    """
    connection.execute(sa.insert(tables.archive_files).values(build_file_row(None, file)))
    rows = [
        {"path": file.path, "batch": batch, "rows": count}
        for batch, count in sorted(members.items())
    ]
    if rows:
        connection.execute(sa.insert(tables.file_members), rows)


def list_crowded_days(
    connection: sa.Connection, limits: CrowdLimits, *, since: str
) -> list[CrowdedDay]:
    """The types' days from `since` (YYYY-MM-DD) on with more small files than may be."""
    table = tables.archive_files
    key = (table.c.org, table.c.event_type, table.c.date)
    most = sa.case((table.c.date >= limits.today, limits.files_today), else_=limits.files_before)
    query = (
        sa.select(*key)
        .where(table.c.bytes < limits.small_bytes, table.c.date >= since)
        .group_by(*key)
        .having(sa.func.count() > most)
        .order_by(table.c.date.desc(), table.c.org, table.c.event_type)
    )
    return [CrowdedDay(**row._asdict()) for row in connection.execute(query)]


def list_settled_files(connection: sa.Connection, day: CrowdedDay) -> list[ArchiveFile]:
    """The files of a type's day all of whose batches are whole and not read again."""
    table = tables.archive_files
    query = (
        sa.select(table)
        .where(
            table.c.org == day.org,
            table.c.event_type == day.event_type,
            table.c.date == day.date,
        )
        .order_by(table.c.path)
    )
    files = [parse_archive_file(row) for row in connection.execute(query)]
    members = read_members(connection, [file.path for file in files])
    unsettled = find_unsettled_batches(
        connection, {batch for each in members.values() for batch in each}
    )
    return [file for file in files if unsettled.isdisjoint(members[file.path])]


def read_members(connection: sa.Connection, paths: Sequence[str]) -> dict[str, dict[str, int]]:
    """By path, how many events of which batches the files have, compacted ones or not.

    A compacted file whose batches are all folded has none; one that is not committed is left out.
    """
    files, members = tables.archive_files, tables.file_members
    found: dict[str, dict[str, int]] = {}
    own = sa.select(files.c.path, files.c.batch, files.c.rows)
    shared = sa.select(members.c.path, members.c.batch, members.c.rows)
    for chunk in split_chunks(paths):
        for row in connection.execute(own.where(files.c.path.in_(chunk))):
            found[row.path] = {} if row.batch is None else {row.batch: row.rows}
        for row in connection.execute(shared.where(members.c.path.in_(chunk))):
            found.setdefault(row.path, {})[row.batch] = row.rows
    return found


def read_batches(connection: sa.Connection, keys: Iterable[str]) -> dict[str, Batch]:
    """What the ledger says of batches, by key: without segments, columns and cursor."""
    table = tables.batches
    found: dict[str, Batch] = {}
    for chunk in split_chunks(sorted(keys)):
        for row in connection.execute(sa.select(table).where(table.c.key.in_(chunk))):
            found[row.key] = Batch(
                key=row.key,
                stream=parse_stream_row(row),
                event_type=row.event_type,
                log_time=row.nominal,
                received=row.received,
                segments=(),
                columns=(),
                record_prefix="",
                dedupe=False,
                cursor=None,
                facts=parse_facts(row.facts),
            )
    return found


def find_unsettled_batches(connection: sa.Connection, keys: Iterable[str]) -> frozenset[str]:
    """Those of the batches that are not whole, are read again, or wait for what was damaged."""
    batches, unfinished, damaged = (
        tables.batches,
        tables.unfinished_batches,
        tables.damaged_files,
    )
    queries = (
        (
            sa.select(batches.c.key).where(batches.c.state.in_(UNSETTLED_STATES)),
            batches.c.key,
        ),
        (sa.select(unfinished.c.key), unfinished.c.key),
        (
            sa.select(damaged.c.batch).where(damaged.c.state == DamageState.WAITING),
            damaged.c.batch,
        ),
    )
    found: set[str] = set()
    for chunk in split_chunks(sorted(keys)):
        for query, column in queries:
            found.update(connection.scalars(query.where(column.in_(chunk))))
    return frozenset(found)


def replace_files(
    connection: sa.Connection,
    replaced: Sequence[ArchiveFile],
    file: ArchiveFile,
    *,
    now: datetime,
) -> bool:
    """Let a compacted file take the place of others. False, and no change, where they changed.

    That is where one of them is not committed any more as it was, or a batch of theirs is not
    settled.
    """
    paths = [each.path for each in replaced]
    committed = {each.path: each for each in read_files(connection, paths)}
    if committed != {each.path: each for each in replaced}:
        return False
    members_by_path = read_members(connection, paths)
    members: Counter[str] = Counter()
    for each in members_by_path.values():
        members.update(each)
    if find_unsettled_batches(connection, members):
        return False
    retired_files.retire_files(connection, replaced, now=now)
    insert_compacted_file(connection, file, members)
    _append_chain_entry(connection, file, paths)
    return True


def adopt_compacted_file(
    connection: sa.Connection,
    file: ArchiveFile,
    members: Mapping[str, int],
    replaced_hashes: Mapping[str, str],
    *,
    now: datetime,
) -> None:
    """Commit a file that was found, in place of what it was made from, should that be committed.

    `replaced_hashes` has the SHA-256 of that by place, empty where nobody knows it.
    """
    replaced = [
        each
        for each in read_files(connection, list(replaced_hashes))
        if "" in (each.sha256, replaced_hashes[each.path])
        or each.sha256 == replaced_hashes[each.path]
    ]
    touched = {*members, *_list_members(connection, [each.path for each in replaced])}
    if replaced:
        retired_files.retire_files(connection, replaced, now=now)
    insert_compacted_file(connection, file, members)
    _append_chain_entry(connection, file, [each.path for each in replaced])
    for batch in sorted(touched):
        _count_rows_again(connection, batch)


def _append_chain_entry(
    connection: sa.Connection, file: ArchiveFile, replaced_paths: Sequence[str]
) -> None:
    document = {"added": hash_chain.describe_files([file]), "removed": sorted(replaced_paths)}
    hash_chain.append_chain_entry(connection, hash_chain.EntryKind.COMPACTED, document)


def _list_members(connection: sa.Connection, paths: Sequence[str]) -> set[str]:
    members = read_members(connection, paths).values()
    return {batch for each in members for batch in each}


def _count_rows_again(connection: sa.Connection, batch: str) -> None:
    """Set how many events of a batch are stored: those of its files."""
    files, batches = tables.archive_files, tables.batches
    own = connection.scalar(sa.select(sa.func.sum(files.c.rows)).where(files.c.batch == batch))
    rows = int(own or 0) + count_compacted_rows(connection, batch)
    connection.execute(sa.update(batches).where(batches.c.key == batch).values(rows=rows))
