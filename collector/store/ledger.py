"""Cursors, polls, the ledger of batches and the committed files of the archive."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from collector.clock import EPOCH
from collector.model import ArchiveFile, Batch, Cursor, Stream
from collector.store import tables
from collector.store.chunks import chunks
from collector.store.upsert import upsert

STORED, QUARANTINED, LOST = "stored", "quarantined", "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """How a batch ended: rows stored, duplicates dropped, segments set aside, and why."""

    state: str
    reason: str = ""
    rows: int = 0
    duplicates: int = 0
    quarantined: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """How the last poll of a stream went. `state` is ok, failed or unavailable.

    `since` is when it went so for the first time without a break; `set_poll` sees to that.
    """

    stream: Stream
    state: str
    reason: str
    last_attempt: datetime
    last_success: datetime | None
    since: datetime = EPOCH


def cursor(connection: sa.Connection, stream: Stream) -> Cursor | None:
    """Where a stream stands, or None before its first poll."""
    row = connection.execute(
        sa.select(tables.cursors.c.time, tables.cursors.c.tie).where(*_is(tables.cursors, stream))
    ).first()
    return None if row is None else Cursor(time=row.time, tie=row.tie)


def move_cursor(connection: sa.Connection, stream: Stream, to: Cursor) -> None:
    """Set where a stream stands."""
    values = {**_key(stream), "time": to.time, "tie": to.tie}
    upsert(connection, tables.cursors, values)


def record(
    connection: sa.Connection, batch: Batch, entry: Entry, files: Iterable[ArchiveFile]
) -> None:
    """Write a batch and its files into the ledger. A replay replaces what stood there."""
    upsert(
        connection,
        tables.batches,
        {
            "key": batch.key,
            **_key(batch.stream),
            "event_type": batch.event_type,
            "state": entry.state,
            "reason": entry.reason,
            "rows": entry.rows,
            "duplicates": entry.duplicates,
            "quarantined": entry.quarantined,
            "nominal": batch.nominal,
            "received": batch.received,
            "facts": dict(batch.facts),
        },
    )
    connection.execute(sa.delete(tables.files).where(tables.files.c.batch == batch.key))
    rows = [_file_row(batch.key, file) for file in files]
    if rows:
        connection.execute(sa.insert(tables.files), rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What the ledger holds of a batch; nothing, for a batch that it does not know."""

    entry: Entry
    files: tuple[ArchiveFile, ...] = ()


def recorded(connection: sa.Connection, key: str) -> Recorded:
    """How a batch ended so far, and its files."""
    row = connection.execute(sa.select(tables.batches).where(tables.batches.c.key == key)).first()
    if row is None:
        return Recorded(entry=Entry(state=STORED))
    entry = Entry(
        state=row.state,
        reason=row.reason,
        rows=row.rows,
        duplicates=row.duplicates,
        quarantined=row.quarantined,
    )
    query = sa.select(tables.files).where(tables.files.c.batch == key)
    return Recorded(entry=entry, files=tuple(map(archive_file, connection.execute(query))))


def known(connection: sa.Connection, keys: Sequence[str]) -> frozenset[str]:
    """Those of the batch keys that the ledger holds."""
    column = tables.batches.c.key
    found: set[str] = set()
    for chunk in chunks(keys):
        found.update(connection.scalars(sa.select(column).where(column.in_(chunk))))
    return frozenset(found)


def newest(connection: sa.Connection, stream: Stream) -> datetime | None:
    """The greatest nominal time among a stream's batches."""
    column = sa.func.max(tables.batches.c.nominal, type_=tables.Moment())
    found: datetime | None = connection.scalar(
        sa.select(column).where(*_is(tables.batches, stream))
    )
    return found


def orgs(connection: sa.Connection) -> list[str]:
    """The orgs of which the archive holds events."""
    column = tables.files.c.org
    return list(connection.scalars(sa.select(column).distinct().order_by(column)))


def event_types(connection: sa.Connection, org: str) -> list[str]:
    """The event types of which the archive holds events of an org."""
    table = tables.files
    query = sa.select(table.c.event_type).distinct().where(table.c.org == org)
    return list(connection.scalars(query.order_by(table.c.event_type)))


def archive_files(
    connection: sa.Connection,
    *,
    org: str | None = None,
    event_types: Sequence[str] | None = None,
    dates: tuple[str, str] | None = None,
    between: tuple[datetime, datetime] | None = None,
) -> list[ArchiveFile]:
    """The committed files, in a stable order.

    `dates` is the first and the last day wanted; `between` wants the files with an event at or
    after its beginning and one at or before its end.
    """
    table = tables.files
    query = sa.select(table).order_by(table.c.event_type, table.c.date, table.c.path)
    if org is not None:
        query = query.where(table.c.org == org)
    if event_types is not None:
        query = query.where(table.c.event_type.in_(event_types))
    if dates is not None:
        query = query.where(table.c.date.between(*dates))
    if between is not None:
        begin, end = between
        query = query.where(table.c.last >= begin, table.c.first <= end)
    return [archive_file(row) for row in connection.execute(query)]


def history(connection: sa.Connection, *, org: str, event_types: Sequence[str]) -> datetime | None:
    """When the earliest committed event of these types happened; of all types when none is named.

    None when the archive has nothing of them.
    """
    table = tables.files
    earliest = sa.func.min(table.c.first, type_=tables.Moment())
    query = sa.select(earliest).where(table.c.org == org)
    if event_types:
        query = query.where(table.c.event_type.in_(event_types))
    found: datetime | None = connection.scalar(query)
    return found


def set_poll(connection: sa.Connection, poll: Poll) -> None:
    """Remember how a poll went; a success keeps its time until the next one."""
    values: dict[str, Any] = {
        **_key(poll.stream),
        "state": poll.state,
        "since": _since(connection, poll),
        "reason": poll.reason,
        "last_attempt": poll.last_attempt,
    }
    if poll.last_success is not None:
        values["last_success"] = poll.last_success
    upsert(connection, tables.polls, values)


def forget_poll(connection: sa.Connection, stream: Stream) -> None:
    """Forget how a stream's last poll went: there is no such stream any more."""
    connection.execute(sa.delete(tables.polls).where(*_is(tables.polls, stream)))


def _since(connection: sa.Connection, poll: Poll) -> datetime:
    """When the stream's present state began: with this poll, unless it was so before."""
    table = tables.polls
    query = sa.select(table.c.state, table.c.since).where(*_is(table, poll.stream))
    before = connection.execute(query).first()
    if before is None or before.state != poll.state:
        return poll.last_attempt
    since: datetime = min(before.since, poll.last_attempt)
    return since


def polls(connection: sa.Connection, *, org: str | None = None) -> list[Poll]:
    """How the last poll of every stream went, in the order of their names."""
    table = tables.polls
    query = sa.select(table).order_by(table.c.org, table.c.source, table.c.stream)
    if org is not None:
        query = query.where(table.c.org == org)
    return [
        Poll(
            stream=Stream(org=row.org, source=row.source, name=row.stream),
            state=row.state,
            reason=row.reason,
            last_attempt=row.last_attempt,
            last_success=row.last_success,
            since=row.since,
        )
        for row in connection.execute(query)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """What the ledger holds of one event type of one org."""

    org: str
    source: str
    event_type: str
    batches: int
    rows: int
    duplicates: int
    quarantined: int
    lost: int
    newest: datetime


def totals(connection: sa.Connection) -> list[Total]:
    """The ledger, added up per org, source and event type."""
    table = tables.batches
    group = (table.c.org, table.c.source, table.c.event_type)
    query = (
        sa.select(
            *group,
            sa.func.count().label("batches"),
            sa.func.sum(table.c.rows).label("rows"),
            sa.func.sum(table.c.duplicates).label("duplicates"),
            sa.func.sum(table.c.quarantined).label("quarantined"),
            sa.func.sum(sa.case((table.c.state == LOST, 1), else_=0)).label("lost"),
            sa.func.max(table.c.nominal, type_=tables.Moment()).label("newest"),
        )
        .group_by(*group)
        .order_by(*group)
    )
    return [
        Total(
            org=row.org,
            source=row.source,
            event_type=row.event_type,
            batches=row.batches,
            rows=int(row.rows),
            duplicates=int(row.duplicates),
            quarantined=int(row.quarantined),
            lost=int(row.lost),
            newest=row.newest,
        )
        for row in connection.execute(query)
    ]


def _key(stream: Stream) -> Mapping[str, str]:
    return {"org": stream.org, "source": stream.source, "stream": stream.name}


def _is(table: sa.Table, stream: Stream) -> list[sa.ColumnElement[bool]]:
    return [table.c[name] == value for name, value in _key(stream).items()]


def archive_file(row: sa.Row[Any]) -> ArchiveFile:
    """The file that a row of `files` tells of."""
    return ArchiveFile(
        path=row.path,
        org=row.org,
        event_type=row.event_type,
        date=row.date,
        rows=row.rows,
        bytes=row.bytes,
        first=row.first,
        last=row.last,
    )


def _file_row(batch: str, file: ArchiveFile) -> dict[str, Any]:
    return {
        "path": file.path,
        "batch": batch,
        "org": file.org,
        "event_type": file.event_type,
        "date": file.date,
        "rows": file.rows,
        "bytes": file.bytes,
        "first": file.first,
        "last": file.last,
    }
