"""What an org has listed, so that what it has and what we have can be held side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from collector.model import Batch, BatchState, Cursor, Stream
from collector.store import ledger, stream_coverage, tables
from collector.store.stream_coverage import CoverageSpan
from collector.store.upsert import build_insert

LISTING_GRACE = timedelta(days=1)
"""What has not been listed for so long, while its stream was, is not to be had any more."""

MAX_REASON_LENGTH = 500

LISTING_SUFFIX = "#listed"
"""`hourly#listed` covers the creation times of the files that were listed."""


def record_listed_files(
    connection: sa.Connection, batches: Sequence[Batch], *, now: datetime
) -> None:
    """Write down that these files were listed and are yet to be fetched."""
    rows = [_build_listed_row(batch, now) for batch in batches]
    if not rows:
        return
    connection.execute(
        build_insert(connection, tables.listed_files).on_conflict_do_update(
            index_elements=["key"], set_={"last_listed": now}
        ),
        rows,
    )


def record_listing_coverage(connection: sa.Connection, stream: Stream, span: CoverageSpan) -> None:
    """Write down that all that was created in that time was listed."""
    if span.start < span.until:
        stream_coverage.add_coverage(
            connection, replace(stream, name=stream.name + LISTING_SUFFIX), span
        )


def record_fetch_failure(connection: sa.Connection, key: str, reason: str) -> None:
    """Write down that one of them could not be fetched; it stays pending."""
    table = tables.listed_files
    connection.execute(
        sa.update(table)
        .where(table.c.key == key)
        .values(failures=table.c.failures + 1, reason=reason[:MAX_REASON_LENGTH])
    )


def mark_unlisted_lost(connection: sa.Connection, stream: Stream, *, now: datetime) -> list[Batch]:
    """Count as lost what is pending and has not been listed for a day. To be called after `note`.

    An org's clock or ours may be off and a list may come short for once: hence the day.
    """
    table, batches = tables.listed_files, tables.batches
    query = (
        sa.select(table)
        .outerjoin(batches, batches.c.key == table.c.key)
        .where(
            table.c.org == stream.org,
            table.c.source == stream.source,
            table.c.stream == stream.name,
            table.c.last_listed <= now - LISTING_GRACE,
            batches.c.key.is_(None),
        )
    )
    gone = [_parse_listed_row(row, now) for row in connection.execute(query)]
    reason = "it was listed, and is not listed any more (retention or a user)"
    for batch in gone:
        ledger.record_batch(
            connection, batch, ledger.LedgerEntry(state=BatchState.LOST, reason=reason), []
        )
    return gone


def _build_listed_row(batch: Batch, now: datetime) -> dict[str, object]:
    return {
        "key": batch.key,
        "org": batch.stream.org,
        "source": batch.stream.source,
        "stream": batch.stream.name,
        "event_type": batch.event_type,
        "nominal": batch.log_time,
        "created": batch.cursor.time if batch.cursor else batch.log_time,
        "first_listed": now,
        "last_listed": now,
        "failures": 0,
        "facts": dict(batch.facts),
    }


def _parse_listed_row(row: sa.Row[tuple[object, ...]], now: datetime) -> Batch:
    return Batch(
        key=row.key,
        stream=Stream(org=row.org, source=row.source, name=row.stream),
        event_type=row.event_type,
        log_time=row.nominal,
        received=now,
        segments=(),
        columns=(),
        record_prefix="",
        dedupe=False,
        cursor=Cursor(time=row.created),
        facts=row.facts,
    )
