"""Batches of which nothing is left to do, added up: the ledger does not grow for ever.

As long as an org may list a batch again, or somebody may ask where its events came from, its row
stays. Then a row of `folded` counts it, by org, source, event type and month. Compacted files keep
the events of query windows that are folded (`folded_events`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from collector.model import (
    BatchFacts,
    BatchState,
    LogFileFacts,
    OtherFacts,
    Stream,
    WindowFacts,
    parse_facts,
)
from collector.store import tables
from collector.store.chunks import split_chunks
from collector.store.holds import Hold
from collector.store.retention_tables import folded_batches
from collector.store.stream_rows import match_stream, parse_stream_row
from collector.store.upsert import upsert_rows

LISTED_PERIOD = timedelta(days=400)
"""How long a log file may be listed again: Salesforce keeps them for up to a year. Files that were
at hand may be read again as well."""

WINDOW_PERIOD = timedelta(days=35)
"""How long the row of a query window stays that has no file of its own any more. Windows are not
listed: what was read is in `coverage`."""

KEYS_AT_ONCE = 5_000

_HOLD_MARGIN = timedelta(days=1)
"""How far the times of a window's events may lie outside of it: orgs sort by others."""

_SUMS = ("rows", "duplicates", "quarantined", "bad_records", "unknown_times", "pruned")
_FINISHED_STATES = (BatchState.STORED, BatchState.LOST, BatchState.QUARANTINED)

FoldedKey = tuple[str, str, str, str]
"""Org, source, event type and month."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldableBatch:
    """A batch that may become a number."""

    key: str
    log_time: datetime
    state: BatchState


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldedTotal:
    """Batches of an event type that are only counted, and how many events were stored of them.

    `newest` is the time of the newest of them.
    """

    org: str
    source: str
    event_type: str
    batches: int
    rows: int
    newest: datetime


def list_streams(connection: sa.Connection) -> list[Stream]:
    """The streams of which the ledger has batches."""
    table = tables.batches
    columns: list[sa.Column[Any]] = [table.c.org, table.c.source, table.c.stream]
    query: sa.Select[Any] = sa.select(*columns).distinct()
    return [parse_stream_row(row) for row in connection.execute(query)]


def list_foldable_batches(
    connection: sa.Connection, stream: Stream, *, now: datetime, after: FoldableBatch | None = None
) -> list[FoldableBatch]:
    """The first batches of a stream, or those after one, that may go, oldest first.

    A batch stays as long as it has files of its own or damaged ones, or is unfinished; one that is
    no query window also while a compacted file has events of it. The newest of the stream stays.
    """
    conditions = _select_old_batches(connection, stream, now)
    if conditions is None:
        return []
    table = tables.batches
    columns: list[sa.Column[Any]] = [table.c.key, table.c.nominal, table.c.state]
    query: sa.Select[Any] = (
        sa.select(*columns)
        .where(*conditions, *_is_idle())
        .order_by(table.c.nominal, table.c.key)
        .limit(KEYS_AT_ONCE)
    )
    if after is not None:
        is_later = (table.c.nominal > after.log_time) | (table.c.key > after.key)
        query = query.where(table.c.nominal >= after.log_time, is_later)
    return [
        FoldableBatch(key=row.key, log_time=row.nominal, state=row.state)
        for row in connection.execute(query)
    ]


def fold_batches(
    connection: sa.Connection, keys: Sequence[str], *, holds: Sequence[Hold], now: datetime
) -> int:
    """Fold those of the batches that nothing needs now, either; how many it were.

    What compacted files have of a query window stays there, and is nobody's; under a hold the
    window stays, too.
    """
    table, members = tables.batches, tables.file_members
    rows: list[sa.Row[Any]] = []
    for chunk in split_chunks(keys):
        shared = sa.select(members.c.batch).where(members.c.batch.in_(chunk)).distinct()
        shared_keys = set(connection.scalars(shared))
        query = sa.select(table).where(table.c.key.in_(chunk), *_is_idle())
        rows += [
            row
            for row in connection.execute(query)
            if _may_go(row, holds, now, is_shared=row.key in shared_keys)
        ]
    _add_to_totals(connection, rows)
    for chunk in split_chunks([row.key for row in rows]):
        connection.execute(sa.delete(members).where(members.c.batch.in_(chunk)))
        # What is listed and has no batch would count as lost.
        for each in (tables.listed_files, table):
            connection.execute(sa.delete(each).where(each.c.key.in_(chunk)))
    return len(rows)


def list_folded_totals(
    connection: sa.Connection, *, org: str, since: datetime
) -> list[FoldedTotal]:
    """What is only counted of an org's batches, of the months from that of `since` on."""
    table = folded_batches
    names = (table.c.source, table.c.event_type)
    query: sa.Select[Any] = (
        sa.select(
            *names,
            sa.func.sum(table.c.batches).label("batches"),
            sa.func.sum(table.c.rows + table.c.pruned).label("rows"),
            sa.func.max(table.c.newest, type_=tables.MicrosecondTime()).label("newest"),
        )
        .where(table.c.org == org, table.c.month >= f"{since:%Y-%m}")
        .group_by(*names)
        .order_by(*names)
    )
    return [
        FoldedTotal(
            org=org,
            source=row.source,
            event_type=row.event_type,
            batches=int(row.batches),
            rows=int(row.rows),
            newest=row.newest,
        )
        for row in connection.execute(query)
    ]


def _select_old_batches(
    connection: sa.Connection, stream: Stream, now: datetime
) -> list[sa.ColumnElement[bool]] | None:
    """Conditions: a batch of the stream is old; None where the stream has none.

    Its batches are all of a kind but for a few, which `_may_go` tells.
    """
    table, members = tables.batches, tables.file_members
    of_stream = match_stream(table, stream)
    columns: list[sa.Column[Any]] = [table.c.facts, table.c.nominal]
    query: sa.Select[Any] = sa.select(*columns).where(*of_stream)
    newest = connection.execute(query.order_by(table.c.nominal.desc()).limit(1)).first()
    if newest is None:
        return None
    facts = parse_facts(newest.facts)
    horizon = min(now - _get_kept_period(facts), newest.nominal)
    conditions = [*of_stream, table.c.nominal < horizon]
    if not isinstance(facts, WindowFacts):
        conditions.append(~sa.exists().where(members.c.batch == table.c.key))
    return conditions


def _get_kept_period(facts: BatchFacts) -> timedelta:
    return LISTED_PERIOD if isinstance(facts, LogFileFacts | OtherFacts) else WINDOW_PERIOD


def _is_idle() -> list[sa.ColumnElement[bool]]:
    """Conditions: a batch is whole, and neither a file of its own nor a damaged one names it."""
    table, damaged = tables.batches, tables.damaged_files
    users = (tables.archive_files.c.batch, tables.unfinished_batches.c.key)
    is_unused = [~sa.exists().where(column == table.c.key) for column in users]
    # Few are damaged, and no index has their batches: they are read once, not for each batch.
    is_sound = table.c.key.not_in(sa.select(damaged.c.batch))
    return [table.c.state.in_(_FINISHED_STATES), is_sound, *is_unused]


def _may_go(row: sa.Row[Any], holds: Sequence[Hold], now: datetime, *, is_shared: bool) -> bool:
    """Whether a batch is old enough, and no file that `is_shared` with others needs its row."""
    facts = parse_facts(row.facts)
    if row.nominal >= now - _get_kept_period(facts):
        return False
    if not is_shared:
        return True
    if not isinstance(facts, WindowFacts):
        return False
    first, last = facts.start - _HOLD_MARGIN, facts.until + _HOLD_MARGIN
    return not any(hold.scope.covers(row.org, row.event_type, first, last) for hold in holds)


def _add_to_totals(connection: sa.Connection, rows: Sequence[sa.Row[Any]]) -> None:
    totals: dict[FoldedKey, dict[str, Any]] = {}
    for row in rows:
        key = (row.org, row.source, row.event_type, f"{row.nominal:%Y-%m}")
        if key not in totals:
            totals[key] = _read_total(connection, key)
        total = totals[key]
        for name in _SUMS:
            total[name] += getattr(row, name)
        total["batches"] += 1
        total["lost"] += row.state == BatchState.LOST
        total["newest"] = max(total["newest"] or row.nominal, row.nominal)
    upsert_rows(connection, folded_batches, list(totals.values()))


def _read_total(connection: sa.Connection, key: FoldedKey) -> dict[str, Any]:
    names = ("org", "source", "event_type", "month")
    identity = dict(zip(names, key, strict=True))
    row = connection.execute(
        sa.select(folded_batches).where(
            *(folded_batches.c[name] == value for name, value in identity.items())
        )
    ).first()
    if row is not None:
        return row._asdict()
    return {**identity, **dict.fromkeys((*_SUMS, "batches", "lost"), 0), "newest": None}
