"""An event's whole way: where it came from, what it says, who was told of it, what is beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import sqlalchemy as sa

from collector.api import event_lookup
from collector.api.event_lookup import EventSet
from collector.archive import parquet_sql
from collector.archive.store import ArchiveStore
from collector.detect import correlation_sql
from collector.escaping import quote_identifier, quote_literal
from collector.model import Alert, ArchiveFile, Event
from collector.model.event_columns import LINK_COLUMNS
from collector.sources.contract import build_batch_key
from collector.sources.log_file import KIND as LOG_FILES
from collector.store import alerts, event_history, ledger
from collector.store.event_history import AlertMembership, BatchOrigin, DeliveryRecord

NEIGHBOUR_MARGIN = timedelta(days=1)
"""Neighbours are looked for so long before and after."""

CONSTITUENT_LIMIT = 100
"""So many of the events that one is made of are told."""

_LOG_LINE_UID = re.compile(r"(?P<prefix>.+):\d+:\d+", re.DOTALL)
_WINDOW_UID_PREFIX = "window:"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstituentEvent:
    """An event that a derived one is made of."""

    event_uid: str
    event_type: str
    time: datetime
    batch: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NeighbourGroup:
    """The other events of one type that have the same value in `column`."""

    column: str
    event_type: str
    count: int
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertTrace:
    """What a rule said of an event, the alert that it belongs to, and that one's messages."""

    match: AlertMembership
    alert: Alert
    deliveries: tuple[DeliveryRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTrace:
    """The way of one event of one org.

    Attributes:
        event: its columns; where no file holds it, what an alert has kept of it, if anything.
        files: the archive's files that hold it, or what it is made of.
        made_of: for derived events and for windows, events that they are made of.
        batches: what brought it, or those events.
        alerts: which rules matched it, and what became of that.
        sql: by column of `TIES`, how to see its neighbours with `hunt`.
    """

    event_uid: str
    org: str
    event_type: str
    event: Event | None
    files: tuple[ArchiveFile, ...] = ()
    constituents: tuple[ConstituentEvent, ...] = ()
    batches: tuple[BatchOrigin, ...] = ()
    alerts: tuple[AlertTrace, ...] = ()
    neighbours: tuple[NeighbourGroup, ...] = ()
    neighbour_queries: Mapping[str, str]


def trace_event(
    state: sa.Connection,
    engine: duckdb.DuckDBPyConnection,
    event_uid: str,
    *,
    archive: ArchiveStore,
) -> list[EventTrace]:
    """The ways of the events with that uid, one for each org; none where nobody knows it.

    Args:
        state: a view of the state.
        engine: a connection of `engine`.
        event_uid: the uid.
        archive: the archive.
    """
    traces = _TraceContext(state=state, engine=engine, archive=archive)
    raised = _collect_alert_traces(state, event_uid)
    found = [
        _trace_from_archive(traces, event_uid, each, raised.pop(each.org, ()))
        for each in _find_event_sets(traces, event_uid)
    ]
    return [*found, *(_trace_from_alerts(event_uid, org, known) for org, known in raised.items())]


@dataclass(frozen=True, slots=True, kw_only=True)
class _TraceContext:
    """Where events leave traces: the state and the archive, with an engine to read it."""

    state: sa.Connection
    engine: duckdb.DuckDBPyConnection
    archive: ArchiveStore


def _find_event_sets(trace_context: _TraceContext, event_uid: str) -> list[EventSet]:
    """The event, first looked for where its uid says that it is."""
    keys = _guess_batch_keys(trace_context.state, event_uid)
    likely = [
        file for key in keys for file in ledger.read_ledger_batch(trace_context.state, key).files
    ]
    found = event_lookup.find_events(
        trace_context.engine, [event_uid], files=likely, archive=trace_context.archive
    )
    if found:
        return found
    files = ledger.list_archive_files(trace_context.state)
    return event_lookup.find_events(
        trace_context.engine, [event_uid], files=files, archive=trace_context.archive
    )


def _guess_batch_keys(state: sa.Connection, event_uid: str) -> Iterator[str]:
    """Keys of the batches that may have given the uid: it begins with a log file's id, or a key."""
    line = _LOG_LINE_UID.fullmatch(event_uid)
    if line:
        yield line["prefix"]
        yield from (
            build_batch_key(org, LOG_FILES, line["prefix"])
            for org in event_history.list_collected_orgs(state)
        )


def _collect_alert_traces(
    state: sa.Connection, event_uid: str
) -> dict[str, tuple[AlertTrace, ...]]:
    raised: dict[str, tuple[AlertTrace, ...]] = {}
    for membership in event_history.list_memberships(
        state, event_uid, separator=correlation_sql.UID_SEPARATOR
    ):
        alert = alerts.find_alert(state, membership.alert_id)
        if alert:
            told = tuple(event_history.list_deliveries(state, alert.id))
            one = AlertTrace(match=membership, alert=alert, deliveries=told)
            raised[membership.org] = (*raised.get(membership.org, ()), one)
    return raised


def _trace_from_alerts(
    event_uid: str, org: str, alert_traces: tuple[AlertTrace, ...]
) -> EventTrace:
    """What alerts tell of an event that the archive does not hold, or that is a whole window."""
    evidence = [event for each in alert_traces for event in each.alert.evidence]
    event = next((each for each in evidence if each.get("event_uid") == event_uid), None)
    return EventTrace(
        event_uid=event_uid,
        org=org,
        event_type=str(event.get("event_type", "")) if event else "",
        event=event,
        constituents=tuple(map(_to_constituent, evidence))
        if event_uid.startswith(_WINDOW_UID_PREFIX)
        else (),
        alerts=alert_traces,
        neighbour_queries={},
    )


def _to_constituent(evidence: Event) -> ConstituentEvent:
    return ConstituentEvent(
        event_uid=str(evidence["event_uid"]),
        event_type=str(evidence.get("event_type", "")),
        time=datetime.fromisoformat(evidence["time"]),
        batch="",
    )


def _trace_from_archive(
    trace_context: _TraceContext,
    event_uid: str,
    event_set: EventSet,
    alert_traces: tuple[AlertTrace, ...],
) -> EventTrace:
    event = event_lookup.read_events(trace_context.engine, event_set.relation)[0]
    made_of = _read_constituents(trace_context.engine, event_set)
    batches = dict.fromkeys(part.batch for part in made_of) or {event["batch"]: None}
    return EventTrace(
        event_uid=event_uid,
        org=event_set.org,
        event_type=event_set.event_type,
        event=event,
        files=event_set.files
        if event_set.constituent_relation is None
        else _find_constituent_files(trace_context, event_set, made_of),
        constituents=made_of,
        batches=tuple(event_history.list_batch_origins(trace_context.state, list(batches))),
        alerts=alert_traces,
        neighbours=tuple(_count_neighbours(trace_context, event)),
        neighbour_queries={
            column: _render_neighbour_query(column, event)
            for column in LINK_COLUMNS
            if event.get(column)
        },
    )


def _find_constituent_files(
    trace_context: _TraceContext, event_set: EventSet, constituents: tuple[ConstituentEvent, ...]
) -> tuple[ArchiveFile, ...]:
    """Those of the files of a derived event's types that hold what it is made of."""
    uids = [part.event_uid for part in constituents]
    held = event_lookup.find_events(
        trace_context.engine, uids, files=event_set.files, archive=trace_context.archive
    )
    return tuple(file for each in held for file in each.files)


def _read_constituents(
    engine: duckdb.DuckDBPyConnection, event_set: EventSet
) -> tuple[ConstituentEvent, ...]:
    if event_set.constituent_relation is None:
        return ()
    rows = engine.execute(
        f"SELECT event_uid, event_type, time, batch FROM {event_set.constituent_relation}"
        f" ORDER BY time, event_uid LIMIT {CONSTITUENT_LIMIT}"
    ).fetchall()
    return tuple(
        ConstituentEvent(
            event_uid=uid, event_type=event_type, time=time.astimezone(UTC), batch=batch
        )
        for uid, event_type, time, batch in rows
    )


def _count_neighbours(trace_context: _TraceContext, event: Event) -> Iterator[NeighbourGroup]:
    tied = [column for column in LINK_COLUMNS if event.get(column)]
    span = (event["time"] - NEIGHBOUR_MARGIN, event["time"] + NEIGHBOUR_MARGIN)
    files = ledger.list_archive_files(trace_context.state, org=event["org"], between=span)
    if not tied or not files:
        return
    events = parquet_sql.build_relation(trace_context.archive.locate_files(files))
    counts = " UNION ALL ".join(
        f"SELECT {place} AS place, event_type, count(*) AS size, min(time), max(time)"
        f" FROM {events} WHERE {_render_link_condition(column, event)}"
        f" AND {_render_neighbour_filter(event)}"
        " GROUP BY event_type"
        for place, column in enumerate(tied)
    )
    for place, event_type, count, first, last in trace_context.engine.execute(
        f"{counts} ORDER BY place, size DESC, event_type"
    ).fetchall():
        yield NeighbourGroup(
            column=tied[place],
            event_type=event_type,
            count=count,
            first=first.astimezone(UTC),
            last=last.astimezone(UTC),
        )


def _render_link_condition(column: str, event: Event) -> str:
    return f"{quote_identifier(column)} = {quote_literal(event[column])}"


def _render_neighbour_filter(event: Event) -> str:
    first, last = (
        f"TIMESTAMPTZ {quote_literal(moment.isoformat(sep=' '))}"
        for moment in (event["time"] - NEIGHBOUR_MARGIN, event["time"] + NEIGHBOUR_MARGIN)
    )
    return f"event_uid <> {quote_literal(event['event_uid'])} AND time BETWEEN {first} AND {last}"


def _render_neighbour_query(column: str, event: Mapping[str, Any]) -> str:
    return (
        f"SELECT time, event_type, user_name, source_ip, operation, entity, record_count"
        f" FROM events WHERE org = {quote_literal(event['org'])}"
        f" AND {column} = {quote_literal(event[column])} ORDER BY time"
    )
