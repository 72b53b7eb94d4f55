"""What was listed and what became of it: the two halves that a proof of completeness compares."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from collector.model import ArchiveFile, BatchFacts, BatchState, Stream, parse_facts
from collector.store import tables
from collector.store.archive_file_rows import parse_archive_file
from collector.store.chunks import split_chunks
from collector.store.sound_rows import read_sound_rows
from collector.store.stream_rows import parse_stream_row


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryItem:
    """A batch that was listed, or is in the ledger, or both.

    `reason` says why it is quarantined, lost or, after `failures` attempts, still pending. `pruned`
    events were in the archive beside its `rows`, and are not any more.
    """

    key: str
    stream: Stream
    event_type: str
    log_time: datetime
    facts: BatchFacts
    is_listed: bool = True
    state: BatchState = BatchState.PENDING
    reason: str = ""
    failures: int = 0
    rows: int = 0
    pruned: int = 0
    duplicates: int = 0


def list_inventory_items(
    connection: sa.Connection, *, org: str, since: datetime, until: datetime
) -> list[InventoryItem]:
    """All batches of an org whose records belong between two times, oldest first."""
    pending = {item.key: item for item in _list_listed_items(connection, org, since, until)}
    ledger_items = [
        _join_listed_item(item, pending.pop(item.key, None))
        for item in _list_ledger_items(connection, org, since, until)
    ]
    return sorted([*ledger_items, *pending.values()], key=lambda item: (item.log_time, item.key))


def holds_batch(connection: sa.Connection, key: str) -> bool:
    """Whether the ledger has an entry of a batch, in whatever state."""
    query = sa.select(tables.batches.c.key).where(tables.batches.c.key == key)
    return connection.scalar(query) is not None


def list_batch_files(
    connection: sa.Connection, *, org: str, since: datetime, until: datetime
) -> list[ArchiveFile]:
    """The committed files of the batches between two times.

    `rows` of a compacted one are those of these batches alone.
    """
    table, batches, members = tables.archive_files, tables.batches, tables.file_members
    period = (batches.c.org == org, batches.c.nominal.between(since, until))
    own = sa.select(table).join(batches, batches.c.key == table.c.batch).where(*period)
    counts = (
        sa.select(members.c.path, sa.func.sum(members.c.rows).label("shared"))
        .join(batches, batches.c.key == members.c.batch)
        .where(*period)
        .group_by(members.c.path)
        .subquery()
    )
    compacted = sa.select(table, counts.c.shared).join(counts, counts.c.path == table.c.path)
    files = [parse_archive_file(row) for row in connection.execute(own)]
    files += [
        replace(parse_archive_file(row), rows=int(row.shared))
        for row in connection.execute(compacted)
    ]
    return sorted(files, key=lambda file: file.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBatch:
    """When a batch came, and how many events of it are stored."""

    received: datetime
    rows: int


def list_stored_batches(connection: sa.Connection) -> dict[str, StoredBatch]:
    """All batches of the ledger, by their keys."""
    table = tables.batches
    query = sa.select(table.c.key, table.c.received, table.c.rows)
    return {
        row.key: StoredBatch(received=row.received, rows=row.rows)
        for row in connection.execute(query)
    }


def count_stored_rows(connection: sa.Connection, keys: Iterable[str]) -> dict[str, int]:
    """How many events of batches the ledger has, by their keys; of others none."""
    table = tables.batches
    wanted = sorted(keys)
    rows = dict.fromkeys(wanted, 0)
    for chunk in split_chunks(wanted):
        query = sa.select(table.c.key, table.c.rows).where(table.c.key.in_(chunk))
        rows.update({row.key: row.rows for row in connection.execute(query)})
    return rows


def _join_listed_item(item: InventoryItem, listed: InventoryItem | None) -> InventoryItem:
    """The item of the ledger; where only a part of it is there, with what keeps the rest away."""
    if listed is None or item.state != BatchState.PENDING:
        return item
    return replace(item, failures=listed.failures, reason=listed.reason)


def _list_listed_items(
    connection: sa.Connection, org: str, since: datetime, until: datetime
) -> list[InventoryItem]:
    table = tables.listed_files
    query = sa.select(table).where(table.c.org == org, table.c.nominal.between(since, until))
    return read_sound_rows(
        connection, table, query, lambda row: _parse_item_row(row, failures=row.failures)
    )


def _list_ledger_items(
    connection: sa.Connection, org: str, since: datetime, until: datetime
) -> list[InventoryItem]:
    table, listed_files = tables.batches, tables.listed_files
    query = (
        sa.select(table, listed_files.c.key.label("listed_key"))
        .outerjoin(listed_files, listed_files.c.key == table.c.key)
        .where(table.c.org == org, table.c.nominal.between(since, until))
    )
    return read_sound_rows(connection, table, query, _parse_ledger_item)


def _parse_ledger_item(row: sa.Row[Any]) -> InventoryItem:
    return _parse_item_row(
        row,
        is_listed=row.listed_key is not None,
        state=row.state,
        rows=row.rows,
        pruned=row.pruned,
        duplicates=row.duplicates,
    )


def _parse_item_row(row: sa.Row[Any], **values: Any) -> InventoryItem:
    return InventoryItem(
        key=row.key,
        stream=parse_stream_row(row),
        event_type=row.event_type,
        log_time=row.nominal,
        facts=parse_facts(row.facts),
        reason=row.reason,
        **values,
    )
