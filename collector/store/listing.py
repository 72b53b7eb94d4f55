"""What an org has listed, so that what it has and what we have can be held side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from collector.model import Batch, Cursor, Stream
from collector.store import coverage, ledger, tables
from collector.store.coverage import Span
from collector.store.upsert import insert_into

LAPSE = timedelta(days=1)
"""What has not been listed for so long, while its stream was, is not to be had any more."""

REASON_CHARACTERS = 500

SUFFIX = "#listed"
"""`hourly#listed` covers the creation times of the files that were listed."""


def note(connection: sa.Connection, batches: Sequence[Batch], *, now: datetime) -> None:
    """Write down that these files were listed and are yet to be fetched."""
    rows = [_row(batch, now) for batch in batches]
    if not rows:
        return
    connection.execute(
        insert_into(connection, tables.listed).on_conflict_do_update(
            index_elements=["key"], set_={"last_listed": now}
        ),
        rows,
    )


def cover(connection: sa.Connection, stream: Stream, span: Span) -> None:
    """Write down that all that was created in that time was listed."""
    if span.start < span.until:
        coverage.add(connection, replace(stream, name=stream.name + SUFFIX), span)


def fail(connection: sa.Connection, key: str, reason: str) -> None:
    """Write down that one of them could not be fetched; it stays pending."""
    table = tables.listed
    connection.execute(
        sa.update(table)
        .where(table.c.key == key)
        .values(failures=table.c.failures + 1, reason=reason[:REASON_CHARACTERS])
    )


def give_up(connection: sa.Connection, stream: Stream, *, now: datetime) -> list[Batch]:
    """Count as lost what is pending and has not been listed for a day. To be called after `note`.

    An org's clock or ours may be off and a list may come short for once: hence the day.
    """
    table, batches = tables.listed, tables.batches
    query = (
        sa.select(table)
        .outerjoin(batches, batches.c.key == table.c.key)
        .where(
            table.c.org == stream.org,
            table.c.source == stream.source,
            table.c.stream == stream.name,
            table.c.last_listed <= now - LAPSE,
            batches.c.key.is_(None),
        )
    )
    gone = [_batch(row, now) for row in connection.execute(query)]
    reason = "it was listed, and is not listed any more (retention or a user)"
    for batch in gone:
        ledger.record(connection, batch, ledger.Entry(state=ledger.LOST, reason=reason), [])
    return gone


def _row(batch: Batch, now: datetime) -> dict[str, object]:
    return {
        "key": batch.key,
        "org": batch.stream.org,
        "source": batch.stream.source,
        "stream": batch.stream.name,
        "event_type": batch.event_type,
        "nominal": batch.nominal,
        "created": batch.cursor.time if batch.cursor else batch.nominal,
        "first_listed": now,
        "last_listed": now,
        "failures": 0,
        "facts": dict(batch.facts),
    }


def _batch(row: sa.Row[tuple[object, ...]], now: datetime) -> Batch:
    return Batch(
        key=row.key,
        stream=Stream(org=row.org, source=row.source, name=row.stream),
        event_type=row.event_type,
        nominal=row.nominal,
        received=now,
        segments=(),
        columns=(),
        record_prefix="",
        dedupe=False,
        cursor=Cursor(time=row.created),
        facts=row.facts,
    )
