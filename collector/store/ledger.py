"""Cursors, polls, the ledger of batches and the committed files of the archive."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from collector.clock import EARLIEST_TIME, EPOCH, FUTURE_TOLERANCE
from collector.model import ArchiveFile, Batch, BatchState, Cursor, PollState, Stream, render_facts
from collector.store import damaged_files, hash_chain, tables
from collector.store.archive_file_rows import build_file_row, parse_archive_file
from collector.store.chunks import split_chunks
from collector.store.compacted_files import UNSETTLED_STATES
from collector.store.sound_rows import read_sound_rows
from collector.store.stream_rows import build_stream_row, match_stream, parse_stream_row
from collector.store.upsert import upsert_row


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """How a batch ended: rows stored, duplicates dropped, segments set aside, and why.

    Of the segments set aside, `bad_records` were so one by one, without the rest of their segment.
    `unknown_times` of the rows have the batch's time, for want of their own.
    """

    state: BatchState
    reason: str = ""
    rows: int = 0
    duplicates: int = 0
    quarantined: int = 0
    bad_records: int = 0
    unknown_times: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PollStatus:
    """How the last poll of a stream went.

    `since` is when its present state began; `save_poll_status` computes it.
    """

    stream: Stream
    state: PollState
    reason: str
    last_attempt: datetime
    last_success: datetime | None
    since: datetime = EPOCH


def read_cursor(connection: sa.Connection, stream: Stream) -> Cursor | None:
    """Where a stream stands, or None before its first poll."""
    row = connection.execute(
        sa.select(tables.cursors.c.time, tables.cursors.c.tie).where(
            *match_stream(tables.cursors, stream)
        )
    ).first()
    return None if row is None else Cursor(time=row.time, tiebreaker=row.tie)


def save_cursor(connection: sa.Connection, stream: Stream, position: Cursor) -> None:
    """Set where a stream stands."""
    values = {**build_stream_row(stream), "time": position.time, "tie": position.tiebreaker}
    upsert_row(connection, tables.cursors, values)


def record_batch(
    connection: sa.Connection, batch: Batch, entry: LedgerEntry, files: Iterable[ArchiveFile]
) -> None:
    """Write a batch and its files into the ledger. A replay replaces what stood there."""
    written = tuple(files)
    document = {"key": batch.key, "state": entry.state, "rows": entry.rows}
    hash_chain.append_batch_entry(connection, document, written)
    upsert_row(
        connection,
        tables.batches,
        {
            "key": batch.key,
            **build_stream_row(batch.stream),
            "event_type": batch.event_type,
            "state": entry.state,
            "reason": entry.reason,
            "rows": entry.rows,
            "duplicates": entry.duplicates,
            "quarantined": entry.quarantined,
            "bad_records": entry.bad_records,
            "unknown_times": entry.unknown_times,
            "nominal": batch.log_time,
            "received": batch.received,
            "facts": render_facts(batch.facts),
        },
    )
    connection.execute(
        sa.delete(tables.archive_files).where(tables.archive_files.c.batch == batch.key)
    )
    rows = [build_file_row(batch.key, file) for file in written]
    if rows:
        connection.execute(sa.insert(tables.archive_files), rows)
    damaged_files.settle_batch(connection, batch.key, written_paths=[row["path"] for row in rows])


def record_lost_batch(connection: sa.Connection, batch: Batch, reason: str) -> None:
    """Write that a batch is lost; what was committed of it stays."""
    before = read_ledger_batch(connection, batch.key)
    entry = replace(before.entry, state=BatchState.LOST, reason=reason)
    record_batch(connection, batch, entry, before.files)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerBatch:
    """What the ledger holds of a batch; empty for a batch that it does not hold."""

    entry: LedgerEntry
    files: tuple[ArchiveFile, ...] = ()


def read_ledger_batch(connection: sa.Connection, key: str) -> LedgerBatch:
    """How a batch ended so far, and its files."""
    row = connection.execute(sa.select(tables.batches).where(tables.batches.c.key == key)).first()
    if row is None:
        return LedgerBatch(entry=LedgerEntry(state=BatchState.STORED))
    query = sa.select(tables.archive_files).where(tables.archive_files.c.batch == key)
    files = tuple(map(parse_archive_file, connection.execute(query)))
    return LedgerBatch(entry=parse_ledger_entry(row), files=files)


def find_known_keys(connection: sa.Connection, keys: Sequence[str]) -> frozenset[str]:
    """Those of the batch keys that the ledger holds, as a whole and not to be read again."""
    table = tables.batches
    query = sa.select(table.c.key).where(table.c.state.not_in(UNSETTLED_STATES))
    known_keys: set[str] = set()
    for chunk in split_chunks(keys):
        known_keys.update(connection.scalars(query.where(table.c.key.in_(chunk))))
    return frozenset(known_keys)


def find_newest_log_time(
    connection: sa.Connection, stream: Stream, *, now: datetime
) -> datetime | None:
    """The greatest nominal time among a stream's batches; times that cannot be do not count."""
    nominal = tables.batches.c.nominal
    newest: datetime | None = connection.scalar(
        sa.select(sa.func.max(nominal, type_=tables.MicrosecondTime())).where(
            *match_stream(tables.batches, stream),
            nominal.between(EARLIEST_TIME, now + FUTURE_TOLERANCE),
        )
    )
    return newest


def list_archived_orgs(connection: sa.Connection) -> list[str]:
    """The orgs of which the archive holds events."""
    column = tables.archive_files.c.org
    return list(connection.scalars(sa.select(column).distinct().order_by(column)))


def list_archived_event_types(connection: sa.Connection, org: str) -> list[str]:
    """The event types of which the archive holds events of an org."""
    table = tables.archive_files
    query = sa.select(table.c.event_type).distinct().where(table.c.org == org)
    return list(connection.scalars(query.order_by(table.c.event_type)))


def list_archive_files(
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
    table = tables.archive_files
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
    return [parse_archive_file(row) for row in connection.execute(query)]


def find_earliest_event_time(
    connection: sa.Connection, *, org: str, event_types: Sequence[str]
) -> datetime | None:
    """When the earliest committed event of these types happened; of all types when none is named.

    None when the archive has nothing of them.
    """
    table = tables.archive_files
    earliest = sa.func.min(table.c.first, type_=tables.MicrosecondTime())
    query = sa.select(earliest).where(table.c.org == org)
    if event_types:
        query = query.where(table.c.event_type.in_(event_types))
    earliest_time: datetime | None = connection.scalar(query)
    return earliest_time


def save_poll_status(connection: sa.Connection, poll: PollStatus) -> None:
    """Write how a poll went; `last_success` stays until the next success."""
    values: dict[str, Any] = {
        **build_stream_row(poll.stream),
        "state": poll.state,
        "since": _compute_state_since(connection, poll),
        "reason": poll.reason,
        "last_attempt": poll.last_attempt,
    }
    if poll.last_success is not None:
        values["last_success"] = poll.last_success
    upsert_row(connection, tables.polls, values)


def delete_poll_status(connection: sa.Connection, stream: Stream) -> None:
    """Delete the poll status of a stream that is no more."""
    connection.execute(sa.delete(tables.polls).where(*match_stream(tables.polls, stream)))


def _compute_state_since(connection: sa.Connection, poll: PollStatus) -> datetime:
    """When the stream's present state began: with this poll, or with an earlier one."""
    table = tables.polls
    query = sa.select(table.c.state, table.c.since).where(*match_stream(table, poll.stream))
    previous = connection.execute(query).first()
    if previous is None or previous.state != poll.state:
        return poll.last_attempt
    since: datetime = min(previous.since, poll.last_attempt)
    return since


def list_poll_statuses(connection: sa.Connection, *, org: str | None = None) -> list[PollStatus]:
    """How the last poll of every stream went, in the order of their names."""
    table = tables.polls
    query = sa.select(table).order_by(table.c.org, table.c.source, table.c.stream)
    if org is not None:
        query = query.where(table.c.org == org)
    return read_sound_rows(connection, table, query, _parse_poll_row)


def _parse_poll_row(row: sa.Row[Any]) -> PollStatus:
    return PollStatus(
        stream=parse_stream_row(row),
        state=row.state,
        reason=row.reason,
        last_attempt=row.last_attempt,
        last_success=row.last_success,
        since=row.since,
    )


def parse_ledger_entry(row: sa.Row[Any]) -> LedgerEntry:
    """The entry of a row of `batches`."""
    return LedgerEntry(
        state=row.state,
        reason=row.reason,
        rows=row.rows,
        duplicates=row.duplicates,
        quarantined=row.quarantined,
        bad_records=row.bad_records,
        unknown_times=row.unknown_times,
    )
