"""Events of folded batches, which are only counted: a compacted file has them, and nobody's name.

Such a file has as many of them as its rows are more than those of its members. `folded` counts them
among its rows, by org, source, event type and month, until the file goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

import sqlalchemy as sa

from collector.model import ArchiveFile, BatchState, Stream, UnknownFacts, render_facts
from collector.store import tables
from collector.store.chunks import split_chunks
from collector.store.retention_tables import folded_batches
from collector.store.stream_coverage import to_live_stream
from collector.store.stream_rows import build_stream_row, parse_stream_row

_MONTHS_A_YEAR = 12


def count_folded_events(file: ArchiveFile, members: Mapping[str, int]) -> int:
    """How many of a file's events are those of folded batches; `members` are the rows of others."""
    return max(0, file.rows - sum(members.values()))


def sum_folded_events(connection: sa.Connection, paths: Iterable[str]) -> int:
    """How many events of folded batches the compacted ones of these files have, if committed."""
    files, members = tables.archive_files, tables.file_members
    rows = sa.select(sa.func.sum(files.c.rows)).where(files.c.batch.is_(None))
    named = sa.select(sa.func.sum(members.c.rows))
    count = 0
    for chunk in split_chunks(paths):
        count += int(connection.scalar(rows.where(files.c.path.in_(chunk))) or 0)
        count -= int(connection.scalar(named.where(members.c.path.in_(chunk))) or 0)
    return count


def count_as_pruned(connection: sa.Connection, file: ArchiveFile, count: int) -> None:
    """Let so many events of folded batches, which a file had, count as pruned."""
    for total, amount in _choose_totals(connection, file, count):
        values = {
            "rows": folded_batches.c.rows - amount,
            "pruned": folded_batches.c.pruned + amount,
        }
        connection.execute(sa.update(folded_batches).where(*_match_total(total)).values(values))


def unfold_events(
    connection: sa.Connection, file: ArchiveFile, count: int, *, now: datetime
) -> str:
    """Give so many events of folded batches, which a file has, a batch in the ledger.

    All that is known of it is the file and the stream that brings such events. Returns its key.
    """
    totals = _choose_totals(connection, file, count)
    for total, amount in totals:
        values = {"rows": folded_batches.c.rows - amount}
        connection.execute(sa.update(folded_batches).where(*_match_total(total)).values(values))
    key = PurePosixPath(file.path).stem
    table = tables.batches
    raised = sa.update(table).where(table.c.key == key).values(rows=table.c.rows + count)
    if not connection.execute(raised).rowcount:
        stream = _find_stream(connection, file, [total.source for total, _ in totals])
        connection.execute(sa.insert(table).values(_build_batch_row(key, file, stream, count, now)))
    return key


def _build_batch_row(
    key: str, file: ArchiveFile, stream: Stream, count: int, now: datetime
) -> dict[str, Any]:
    return {
        "key": key,
        **build_stream_row(stream),
        "event_type": file.event_type,
        "state": BatchState.STORED,
        "rows": count,
        "duplicates": 0,
        "quarantined": 0,
        "nominal": file.first_time,
        "received": now,
        "facts": render_facts(UnknownFacts(rows=count)),
    }


def _choose_totals(
    connection: sa.Connection, file: ArchiveFile, count: int
) -> list[tuple[sa.Row[Any], int]]:
    """The rows of `folded` that count a file's events, and how many each: its month's first."""
    table = folded_batches
    query = sa.select(table).where(
        table.c.org == file.org, table.c.event_type == file.event_type, table.c.rows > 0
    )
    month = _number_month(file.date)
    totals = sorted(
        connection.execute(query),
        key=lambda row: (abs(_number_month(row.month) - month), row.month, row.source),
    )
    chosen: list[tuple[sa.Row[Any], int]] = []
    for total in totals:
        amount = min(count, total.rows)
        if amount:
            chosen.append((total, amount))
        count -= amount
    return chosen


def _number_month(date: str) -> int:
    """The months up to that of a date, YYYY-MM or YYYY-MM-DD."""
    year, month = date.split("-")[:2]
    return int(year) * _MONTHS_A_YEAR + int(month)


def _match_total(total: sa.Row[Any]) -> list[sa.ColumnElement[bool]]:
    columns = folded_batches.primary_key.columns
    return [column == getattr(total, column.name) for column in columns]


def _find_stream(connection: sa.Connection, file: ArchiveFile, sources: Sequence[str]) -> Stream:
    """A stream that has brought such events: the newest batch of each stays in the ledger."""
    table = tables.batches
    columns: list[sa.Column[Any]] = [table.c.org, table.c.source, table.c.stream]
    query: sa.Select[Any] = sa.select(*columns).where(
        table.c.org == file.org,
        table.c.source.in_(sources),
        table.c.event_type == file.event_type,
    )
    row = connection.execute(query.limit(1)).first()
    if row is None:
        return Stream(org=file.org, source=next(iter(sources), ""), name=file.event_type)
    return to_live_stream(parse_stream_row(row))
