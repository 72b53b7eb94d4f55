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

    What lay in the future when it was read does not count.
    """
    window = _read_batch_window(batch)
    if window is not None:
        add_coverage(connection, batch.stream, window)


def add_coverage(connection: sa.Connection, stream: Stream, span: CoverageSpan) -> None:
    """Write down that a stream covers this time, too."""
    table = tables.coverage
    touching_spans = [
        other
        for other in list_spans(connection, stream)
        if other.start <= span.until and span.start <= other.until
    ]
    starts = [other.start for other in touching_spans]
    connection.execute(
        sa.delete(table).where(*match_stream(table, stream), table.c.start.in_(starts))
    )
    (merged,) = merge_spans([span, *touching_spans])
    connection.execute(
        sa.insert(table).values(**build_stream_row(stream), start=merged.start, until=merged.until)
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
    spans_by_stream: dict[Stream, list[CoverageSpan]] = {}
    for row in connection.execute(query):
        span = CoverageSpan(start=row.start, until=row.until)
        spans_by_stream.setdefault(parse_stream_row(row), []).append(span)
    return spans_by_stream


def merge_spans(spans: Iterable[CoverageSpan]) -> list[CoverageSpan]:
    """The same time in as few spans as possible, oldest first."""
    merged: list[CoverageSpan] = []
    for span in sorted(spans, key=lambda span: span.start):
        if merged and span.start <= merged[-1].until:
            until = max(merged[-1].until, span.until)
            merged[-1] = CoverageSpan(start=merged[-1].start, until=until)
        else:
            merged.append(span)
    return merged


def find_gaps(spans: Iterable[CoverageSpan], *, within: CoverageSpan) -> list[CoverageSpan]:
    """The time inside `within` that no span covers, oldest first."""
    gaps = []
    covered_until = within.start
    for span in merge_spans(spans):
        until = min(span.start, within.until)
        if covered_until < until:
            gaps.append(CoverageSpan(start=covered_until, until=until))
        covered_until = max(covered_until, span.until)
    if covered_until < within.until:
        gaps.append(CoverageSpan(start=covered_until, until=within.until))
    return gaps


def _read_batch_window(batch: Batch) -> CoverageSpan | None:
    if not isinstance(batch.facts, WindowFacts):
        return None
    start, until = batch.facts.start, min(batch.facts.until, batch.received)
    return CoverageSpan(start=start, until=until) if start < until else None
