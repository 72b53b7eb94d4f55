"""Committed files of the archive that cannot be read: set aside, asked for again, or lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
    parse_facts,
)
from collector.store import tables
from collector.store.archive_file_rows import build_file_row, parse_archive_file
from collector.store.stream_rows import parse_stream_row

_OWN_FACTS = (RowCountFacts, OtherFacts)
"""What we know of batches that cannot be asked for: records of our own, files that were at hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DamagedFile:
    """A file that was committed and cannot be read, and the batch that it is a part of.

    `since` is when it came to be in its state, `reason` says what is wrong with it.
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
    org has given is lost.
    """
    table = tables.archive_files
    batch = connection.scalar(sa.select(table.c.batch).where(table.c.path == file.path))
    if batch is None:
        return
    connection.execute(sa.delete(table).where(table.c.path == file.path))
    facts = _read_facts(connection, batch)
    state = DamageState.LOST if isinstance(facts, _OWN_FACTS) else DamageState.WAITING
    row = {**build_file_row(batch, file), "state": state, "reason": reason, "since": now}
    connection.execute(sa.insert(tables.damaged_files).values(row))
    _update_batch(connection, batch, rows=tables.batches.c.rows - file.rows)
    if isinstance(facts, LogFileFacts):
        _update_batch(connection, batch, state=BatchState.DAMAGED)


def list_damaged_files(
    connection: sa.Connection, *, org: str | None = None, state: DamageState | None = None
) -> list[DamagedFile]:
    """The damaged files, of one org or of all, in a stable order."""
    table, batches = tables.damaged_files, tables.batches
    query = (
        sa.select(table, batches.c.source, batches.c.stream, batches.c.facts)
        .join(batches, batches.c.key == table.c.batch)
        .order_by(table.c.since, table.c.path)
    )
    if org is not None:
        query = query.where(table.c.org == org)
    if state is not None:
        query = query.where(table.c.state == state)
    return [_parse_damaged_file(row) for row in connection.execute(query)]


def mark_replaced(connection: sa.Connection, damaged: DamagedFile) -> None:
    """Record that other batches have its events now."""
    _delete_damage(connection, [damaged.file.path])
    duplicates = tables.batches.c.duplicates + damaged.file.rows
    _update_batch(connection, damaged.batch, duplicates=duplicates)


def mark_lost(
    connection: sa.Connection, damaged: DamagedFile, *, reason: str, now: datetime
) -> None:
    """Record that its events cannot be had again."""
    table = tables.damaged_files
    connection.execute(
        sa.update(table)
        .where(table.c.path == damaged.file.path)
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
    _delete_damage(connection, sorted(waiting.intersection(written_paths)))
    is_log_file = isinstance(_read_facts(connection, batch), LogFileFacts)
    if is_log_file and waiting.difference(written_paths):
        _update_batch(connection, batch, state=BatchState.DAMAGED)


def _read_facts(connection: sa.Connection, batch: str) -> BatchFacts:
    table = tables.batches
    return parse_facts(
        connection.scalar(sa.select(table.c.facts).where(table.c.key == batch)) or {}
    )


def _delete_damage(connection: sa.Connection, paths: Sequence[str]) -> None:
    table = tables.damaged_files
    connection.execute(sa.delete(table).where(table.c.path.in_(paths)))


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
