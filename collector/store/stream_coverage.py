"""Which time the committed windows of a stream cover: merged, so that gaps can be named."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa

from collector.model import Batch, Stream, StreamPurpose, WindowFacts
from collector.store import tables
from collector.store.stream_rows import build_stream_row, match_stream, parse_stream_row


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageSpan:
    """The time `(start, until]`."""

    start: datetime
    until: datetime


def to_backfill_stream(stream: Stream) -> Stream:
    """The stream under which the past of a stream is read."""
    return replace(stream, purpose=StreamPurpose.BACKFILL)


def to_live_stream(stream: Stream) -> Stream:
    """The stream whose past is read under that one; any other is its own."""
    is_backfill = stream.purpose == StreamPurpose.BACKFILL
    return replace(stream, purpose=StreamPurpose.LIVE) if is_backfill else stream


def cover_batch_window(connection: sa.Connection, batch: Batch) -> None:
    """Write down the window of a batch, also of an empty one; nothing for a batch without any.

    What lay in the future when it was read was not there to be seen: it does not count.
    """
    window = _read_batch_window(batch)
    if window is not None:
        add_coverage(connection, batch.stream, window)


def add_coverage(connection: sa.Connection, stream: Stream, span: CoverageSpan) -> None:
    """Write down that a stream covers this time, too."""
    table = tables.coverage
    touching = [
        other
        for other in list_spans(connection, stream)
        if other.start <= span.until and span.start <= other.until
    ]
    starts = [other.start for other in touching]
    connection.execute(
        sa.delete(table).where(*match_stream(table, stream), table.c.start.in_(starts))
    )
    (whole,) = merge_spans([span, *touching])
    connection.execute(
        sa.insert(table).values(**build_stream_row(stream), start=whole.start, until=whole.until)
    )


def list_spans(connection: sa.Connection, stream: Stream) -> list[CoverageSpan]:
    """What is covered of a stream, oldest first; no two spans touch."""
    table = tables.coverage
    query = (
        sa.select(table.c.start, table.c.until)
        .where(*match_stream(table, stream))
        .order_by(table.c.start)
    )
    return [CoverageSpan(start=row.start, until=row.until) for row in connection.execute(query)]


def list_org_coverage(connection: sa.Connection, *, org: str) -> dict[Stream, list[CoverageSpan]]:
    """What is covered of an org's streams, oldest first."""
    table = tables.coverage
    query = sa.select(table).where(table.c.org == org).order_by(table.c.start)
    found: dict[Stream, list[CoverageSpan]] = {}
    for row in connection.execute(query):
        span = CoverageSpan(start=row.start, until=row.until)
        found.setdefault(parse_stream_row(row), []).append(span)
    return found


def merge_spans(spans: Iterable[CoverageSpan]) -> list[CoverageSpan]:
    """The same time in as few spans as possible, oldest first."""
    result: list[CoverageSpan] = []
    for span in sorted(spans, key=lambda span: span.start):
        if result and span.start <= result[-1].until:
            until = max(result[-1].until, span.until)
            result[-1] = CoverageSpan(start=result[-1].start, until=until)
        else:
            result.append(span)
    return result


def find_gaps(spans: Iterable[CoverageSpan], *, within: CoverageSpan) -> list[CoverageSpan]:
    """The time inside `within` that no span covers, oldest first."""
    found = []
    reached = within.start
    for span in merge_spans(spans):
        until = min(span.start, within.until)
        if reached < until:
            found.append(CoverageSpan(start=reached, until=until))
        reached = max(reached, span.until)
    if reached < within.until:
        found.append(CoverageSpan(start=reached, until=within.until))
    return found


def _read_batch_window(batch: Batch) -> CoverageSpan | None:
    if not isinstance(batch.facts, WindowFacts):
        return None
    start, until = batch.facts.start, min(batch.facts.until, batch.received)
    return CoverageSpan(start=start, until=until) if start < until else None
