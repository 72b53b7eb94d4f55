"""Committed files of the archive that cannot be read: set aside, asked for again, or lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from collector.model import (
    ArchiveFile,
    BatchFacts,
    BatchState,
    DamageState,
    LogFileFacts,
    OtherFacts,
    RowCountFacts,
    Stream,
    UnknownFacts,
    parse_facts,
)
from collector.store import compacted_files, folded_events, hash_chain, tables
from collector.store.archive_file_rows import build_file_row, parse_archive_file
from collector.store.sound_rows import read_sound_rows
from collector.store.stream_rows import parse_stream_row

_OWN_FACTS = (RowCountFacts, OtherFacts)
"""What we know of batches that cannot be asked for: records of our own, files that were at hand."""

_FETCHED_WHOLE = (LogFileFacts, UnknownFacts)
"""What we know of batches that come again as a whole, or not at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DamagedFile:
    """A file that was committed and cannot be read, and a batch that it is a part of.

    Of a compacted file there is one for each of its batches; its `file.rows` are then those of the
    batch. `since` is when it came to be in its state, `reason` says what is wrong with it.
    """

    file: ArchiveFile
    batch: str
    stream: Stream
    facts: BatchFacts
    state: DamageState
    reason: str
    since: datetime


def record_damage(
    connection: sa.Connection, file: ArchiveFile, *, reason: str, now: datetime
) -> None:
    """Take a file that cannot be read out of the committed ones.

    The batch of a log file counts as not taken in from now on; what it has besides stays. What no
    org has given is lost. All that holds for each batch of a compacted file; those of its events
    whose batches are folded become one batch, of which the time of the file is known.
    """
    table = tables.archive_files
    committed = connection.execute(
        sa.select(table.c.batch).where(table.c.path == file.path)
    ).first()
    if committed is None:
        return
    members = compacted_files.read_members(connection, [file.path])[file.path]
    folded_count = folded_events.count_folded_events(file, members)
    if folded_count:
        key = folded_events.unfold_events(connection, file, folded_count, now=now)
        members[key] = folded_count
    connection.execute(sa.delete(table).where(table.c.path == file.path))
    document = {"keys": sorted(members), "removed": [file.path]}
    hash_chain.append_chain_entry(connection, hash_chain.EntryKind.DAMAGED, document)
    for batch, rows in members.items():
        _update_batch(connection, batch, rows=tables.batches.c.rows - rows)
        part = replace(file, rows=rows)
        is_compacted = committed.batch is None
        enter_damage(connection, batch, part, reason=reason, now=now, is_compacted=is_compacted)


def enter_damage(
    connection: sa.Connection,
    batch: str,
    file: ArchiveFile,
    *,
    reason: str,
    now: datetime,
    is_compacted: bool = False,
) -> None:
    """Write down that a file of a batch, which is not among the committed ones, cannot be read.

    What is known of that already stays as it is. `file` has the rows of that batch alone.
    """
    table = tables.damaged_files
    known = sa.select(table.c.path).where(table.c.path == file.path, table.c.batch == batch)
    if connection.scalar(known) is not None:
        return
    facts = _read_facts(connection, batch)
    state = DamageState.LOST if isinstance(facts, _OWN_FACTS) else DamageState.WAITING
    row = {
        **build_file_row(batch, file),
        "compacted": is_compacted,
        "state": state,
        "reason": reason,
        "since": now,
    }
    connection.execute(sa.insert(table).values(row))
    if isinstance(facts, _FETCHED_WHOLE):
        _update_batch(connection, batch, state=BatchState.DAMAGED)


def list_damaged_files(
    connection: sa.Connection, *, org: str | None = None, state: DamageState | None = None
) -> list[DamagedFile]:
    """The damaged files, of one org or of all, in a stable order."""
    table, batches = tables.damaged_files, tables.batches
    query = (
        sa.select(table, batches.c.source, batches.c.stream, batches.c.facts)
        .join(batches, batches.c.key == table.c.batch)
        .order_by(table.c.since, table.c.path, batches.c.nominal, table.c.batch)
    )
    if org is not None:
        query = query.where(table.c.org == org)
    if state is not None:
        query = query.where(table.c.state == state)
    return read_sound_rows(connection, table, query, _parse_damaged_file)


def mark_replaced(connection: sa.Connection, damaged: DamagedFile) -> None:
    """Record that other batches have its events now."""
    _delete_damage(connection, damaged.batch, [damaged.file.path])
    duplicates = tables.batches.c.duplicates + damaged.file.rows
    _update_batch(connection, damaged.batch, duplicates=duplicates)
    if isinstance(damaged.facts, UnknownFacts):
        _update_batch(connection, damaged.batch, state=BatchState.STORED)


def mark_lost(
    connection: sa.Connection, damaged: DamagedFile, *, reason: str, now: datetime
) -> None:
    """Record that its events cannot be had again."""
    table = tables.damaged_files
    connection.execute(
        sa.update(table)
        .where(table.c.path == damaged.file.path, table.c.batch == damaged.batch)
        .values(state=DamageState.LOST, reason=reason, since=now)
    )
    _update_batch(connection, damaged.batch, state=BatchState.LOST, reason=reason)


def settle_batch(connection: sa.Connection, batch: str, *, written_paths: Sequence[str]) -> None:
    """After a batch was recorded: files that were written anew are damaged no more.

    While others of a log file are, it counts as not taken in.
    """
    table = tables.damaged_files
    query = sa.select(table.c.path).where(
        table.c.batch == batch, table.c.state == DamageState.WAITING
    )
    waiting = set(connection.scalars(query))
    if not waiting:
        return
    _delete_damage(connection, batch, sorted(waiting.intersection(written_paths)))
    is_log_file = isinstance(_read_facts(connection, batch), LogFileFacts)
    if is_log_file and waiting.difference(written_paths):
        _update_batch(connection, batch, state=BatchState.DAMAGED)


def settle_compacted_damage(connection: sa.Connection, batch: str, *, rows: int) -> None:
    """After a batch was read again whole, and has so many events in files of its own.

    Where these are as many as were damaged, compacted files that had some of them are missed no
    more.
    """
    table = tables.damaged_files
    waiting = (table.c.batch == batch, table.c.state == DamageState.WAITING)
    damaged_rows = connection.scalar(sa.select(sa.func.sum(table.c.rows)).where(*waiting)) or 0
    if damaged_rows <= rows:
        connection.execute(sa.delete(table).where(*waiting, table.c.compacted))


def _read_facts(connection: sa.Connection, batch: str) -> BatchFacts:
    table = tables.batches
    return parse_facts(
        connection.scalar(sa.select(table.c.facts).where(table.c.key == batch)) or {}
    )


def _delete_damage(connection: sa.Connection, batch: str, paths: Sequence[str]) -> None:
    table = tables.damaged_files
    connection.execute(sa.delete(table).where(table.c.batch == batch, table.c.path.in_(paths)))


def _update_batch(connection: sa.Connection, batch: str, **values: object) -> None:
    table = tables.batches
    connection.execute(sa.update(table).where(table.c.key == batch).values(**values))


def _parse_damaged_file(row: sa.Row[Any]) -> DamagedFile:
    return DamagedFile(
        file=parse_archive_file(row),
        batch=row.batch,
        stream=parse_stream_row(row),
        facts=parse_facts(row.facts),
        state=row.state,
        reason=row.reason,
        since=row.since,
    )
