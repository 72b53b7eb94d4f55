"""Which time the committed windows of a stream cover: merged, so that gaps can be named."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa

from collector.clock import EPOCH
from collector.model import Batch, Stream
from collector.store import tables

BACKFILL = "#backfill"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The time `(start, until]`."""

    start: datetime
    until: datetime


def shadow(stream: Stream) -> Stream:
    """The stream under which the past of a stream is read: `ApiEvent#backfill`."""
    return replace(stream, name=stream.name + BACKFILL)


def live(stream: Stream) -> Stream:
    """The stream whose past is read under that one; any other is its own."""
    return replace(stream, name=stream.name.removesuffix(BACKFILL))


def cover(connection: sa.Connection, batch: Batch) -> None:
    """Write down the window of a batch, also of an empty one; nothing for a batch without any.

    A window is told by the facts `from` and `to`. What lay in the future when it was read was not
    there to be seen: it does not count.
    """
    window = _window(batch)
    if window is not None:
        add(connection, batch.stream, window)


def add(connection: sa.Connection, stream: Stream, span: Span) -> None:
    """Write down that a stream covers this time, too."""
    touching = [
        other
        for other in spans(connection, stream)
        if other.start <= span.until and span.start <= other.until
    ]
    table = tables.coverage
    starts = [other.start for other in touching]
    connection.execute(sa.delete(table).where(*_is(stream), table.c.start.in_(starts)))
    (whole,) = merged([span, *touching])
    connection.execute(
        sa.insert(table).values(
            org=stream.org,
            source=stream.source,
            stream=stream.name,
            start=whole.start,
            until=whole.until,
        )
    )


def spans(connection: sa.Connection, stream: Stream) -> list[Span]:
    """What is covered of a stream, oldest first; no two spans touch."""
    table = tables.coverage
    query = sa.select(table.c.start, table.c.until).where(*_is(stream)).order_by(table.c.start)
    return [Span(start=row.start, until=row.until) for row in connection.execute(query)]


def everything(connection: sa.Connection, *, org: str) -> dict[Stream, list[Span]]:
    """What is covered of an org's streams, oldest first."""
    table = tables.coverage
    query = sa.select(table).where(table.c.org == org).order_by(table.c.start)
    found: dict[Stream, list[Span]] = {}
    for row in connection.execute(query):
        stream = Stream(org=row.org, source=row.source, name=row.stream)
        found.setdefault(stream, []).append(Span(start=row.start, until=row.until))
    return found


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same time in as few spans as possible, oldest first."""
    result: list[Span] = []
    for span in sorted(spans, key=lambda span: span.start):
        if result and span.start <= result[-1].until:
            until = max(result[-1].until, span.until)
            result[-1] = Span(start=result[-1].start, until=until)
        else:
            result.append(span)
    return result


def gaps(spans: Iterable[Span], *, within: Span) -> list[Span]:
    """The time inside `within` that no span covers, oldest first."""
    found = []
    reached = within.start
    for span in merged(spans):
        until = min(span.start, within.until)
        if reached < until:
            found.append(Span(start=reached, until=until))
        reached = max(reached, span.until)
    if reached < within.until:
        found.append(Span(start=reached, until=within.until))
    return found


def _is(stream: Stream) -> list[sa.ColumnElement[bool]]:
    table = tables.coverage
    return [
        table.c.org == stream.org,
        table.c.source == stream.source,
        table.c.stream == stream.name,
    ]


def _window(batch: Batch) -> Span | None:
    start, until = _moment(batch.facts.get("from")), _moment(batch.facts.get("to"))
    if start is None or until is None:
        return None
    until = min(until, batch.received)
    return Span(start=start, until=until) if start < until else None


def _moment(text: object) -> datetime | None:
    """A time in the words of SOQL; None for `null`."""
    if not isinstance(text, str) or text == "null":
        return None
    return datetime.fromisoformat(text).astimezone(EPOCH.tzinfo)
