"""What an org has listed, to be compared with what was stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from collector.model import (
    Batch,
    BatchState,
    Cursor,
    FetchHistory,
    LogFileFacts,
    Stream,
    StreamPurpose,
    parse_facts,
    render_facts,
)
from collector.store import ledger, stream_coverage, tables
from collector.store.chunks import split_chunks
from collector.store.stream_coverage import CoverageSpan
from collector.store.stream_rows import build_stream_row, match_stream, parse_stream_row
from collector.store.upsert import build_insert

LISTING_GRACE = timedelta(days=1)
"""A file that has not been listed for so long, while its stream was, is lost."""

LATEST_SUPPLEMENT = timedelta(days=7)
"""How long after the hour that it is about a file may still be made; Salesforce speaks of three
days."""

MAX_REASON_LENGTH = 500


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


def record_fetched_file(connection: sa.Connection, batch: Batch) -> None:
    """Write down that a log file was listed, where the state that knew it is lost."""
    if isinstance(batch.facts, LogFileFacts) and not is_listed(connection, batch.key):
        record_listed_files(connection, [batch], now=batch.received)


def is_listed(connection: sa.Connection, key: str) -> bool:
    """Whether the file that is to be that batch was listed, fetched or not."""
    table = tables.listed_files
    query = sa.select(table.c.key).where(table.c.key == key)
    return connection.scalar(query) is not None


def record_listing_coverage(connection: sa.Connection, stream: Stream, span: CoverageSpan) -> None:
    """Write down that all that was created in that time was listed."""
    if span.start < span.until:
        listing = replace(stream, purpose=StreamPurpose.LISTING)
        stream_coverage.add_coverage(connection, listing, span)


def record_fetch_failure(connection: sa.Connection, key: str, reason: str) -> None:
    """Write down that one of them could not be fetched; it stays pending."""
    table = tables.listed_files
    connection.execute(
        sa.update(table)
        .where(table.c.key == key)
        .values(failures=table.c.failures + 1, reason=reason[:MAX_REASON_LENGTH])
    )


def find_fetch_histories(connection: sa.Connection, keys: Sequence[str]) -> dict[str, FetchHistory]:
    """By batch key, what was tried so far to fetch each; without those that never failed."""
    table = tables.listed_files
    query = sa.select(table).where(table.c.failures > 0)
    return {
        row.key: FetchHistory(
            failures=row.failures,
            reason=row.reason,
            first_listed=row.first_listed,
            last_listed=row.last_listed,
        )
        for chunk in split_chunks(keys)
        for row in connection.execute(query.where(table.c.key.in_(chunk)))
    }


def mark_unlisted_lost(connection: sa.Connection, stream: Stream, *, now: datetime) -> list[Batch]:
    """Record pending files that have not been listed for a day as lost, and return them.

    To be called after `record_listed_files`. The day is for clocks
    that are off, and for lists that come short once.
    """
    table, batches = tables.listed_files, tables.batches
    query = (
        sa.select(table)
        .outerjoin(batches, batches.c.key == table.c.key)
        .where(
            *match_stream(table, stream),
            table.c.last_listed <= now - LISTING_GRACE,
            sa.or_(batches.c.key.is_(None), batches.c.state == BatchState.PENDING),
        )
    )
    lost_batches = [_parse_listed_row(row, now) for row in connection.execute(query)]
    reason = "it was listed, and is not listed any more (retention or a user)"
    for batch in lost_batches:
        ledger.record_lost_batch(connection, batch, reason)
    return lost_batches


def count_created_files(
    connection: sa.Connection, org: str, source: str, *, since: datetime
) -> int:
    """How many of the files that were listed for live collecting an org has made since then.

    Files about a time more than LATEST_SUPPLEMENT before that are left out.
    """
    table = tables.listed_files
    names = sa.select(table.c.stream).where(table.c.org == org, table.c.source == source).distinct()
    live_names = [
        name
        for name in connection.scalars(names)
        if Stream.parse_label(org=org, source=source, label=name).purpose == StreamPurpose.LIVE
    ]
    query = sa.select(sa.func.count()).where(
        table.c.org == org,
        table.c.source == source,
        table.c.stream.in_(live_names),
        table.c.nominal > since - LATEST_SUPPLEMENT,
        table.c.created > since,
    )
    return connection.scalar(query) or 0


def _build_listed_row(batch: Batch, now: datetime) -> dict[str, object]:
    return {
        "key": batch.key,
        **build_stream_row(batch.stream),
        "event_type": batch.event_type,
        "nominal": batch.log_time,
        "created": batch.cursor.time if batch.cursor else batch.log_time,
        "first_listed": now,
        "last_listed": now,
        "failures": 0,
        "facts": render_facts(batch.facts),
    }


def _parse_listed_row(row: sa.Row[tuple[object, ...]], now: datetime) -> Batch:
    return Batch(
        key=row.key,
        stream=parse_stream_row(row),
        event_type=row.event_type,
        log_time=row.nominal,
        received=now,
        segments=(),
        columns=(),
        record_prefix="",
        dedupe=False,
        cursor=Cursor(time=row.created),
        facts=parse_facts(row.facts),
    )
