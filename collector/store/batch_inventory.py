"""What was listed and what became of it: the two halves that a proof of completeness compares."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from collector.model import ArchiveFile, BatchFacts, BatchState, Stream, parse_facts
from collector.store import tables
from collector.store.archive_file_rows import parse_archive_file
from collector.store.stream_rows import parse_stream_row


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryItem:
    """A batch that was listed, or is in the ledger, or both.

    `reason` says why it is quarantined, lost or, after `failures` attempts, still pending.
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


def list_batch_files(
    connection: sa.Connection, *, org: str, since: datetime, until: datetime
) -> list[ArchiveFile]:
    """The committed files of the batches between two times."""
    table, batches = tables.archive_files, tables.batches
    query = (
        sa.select(table)
        .join(batches, batches.c.key == table.c.batch)
        .where(batches.c.org == org, batches.c.nominal.between(since, until))
        .order_by(table.c.path)
    )
    return [parse_archive_file(row) for row in connection.execute(query)]


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
    return [_parse_item_row(row, failures=row.failures) for row in connection.execute(query)]


def _list_ledger_items(
    connection: sa.Connection, org: str, since: datetime, until: datetime
) -> list[InventoryItem]:
    table, listed_files = tables.batches, tables.listed_files
    query = (
        sa.select(table, listed_files.c.key.label("listed_key"))
        .outerjoin(listed_files, listed_files.c.key == table.c.key)
        .where(table.c.org == org, table.c.nominal.between(since, until))
    )
    return [
        _parse_item_row(
            row,
            is_listed=row.listed_key is not None,
            state=row.state,
            rows=row.rows,
            duplicates=row.duplicates,
        )
        for row in connection.execute(query)
    ]


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
