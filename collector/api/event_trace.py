"""An event's whole way: where it came from, what it says, who was told of it, what is beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

import duckdb
import sqlalchemy as sa

from collector import engine
from collector.api import event_lookup
from collector.api.event_lookup import EventSet
from collector.api.event_neighbours import (
    NeighbourGroup,
    TraceContext,
    count_neighbours,
    render_neighbour_queries,
)
from collector.api.json_values import JsonObject, to_json_object
from collector.api.state_view import open_state_view
from collector.archive.store import ArchiveStore
from collector.detect import correlation_sql
from collector.errors import CollectorError
from collector.ingest.state_paths import StatePaths
from collector.model import Alert, ArchiveFile, Event, render_facts
from collector.settings import Settings
from collector.sources.contract import build_batch_key
from collector.sources.log_file import KIND as LOG_FILES
from collector.store import alerts, event_history, ledger
from collector.store.event_history import AlertMembership, BatchOrigin, DeliveryRecord

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
        constituents: for derived events and for windows, events that they are made of.
        batches: what brought it, or those events.
        alerts: which rules matched it, and what became of that.
        neighbours: how many other events there are around it, by link and type.
        neighbour_queries: by link column, the SQL that shows its neighbours with `hunt`.
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

    @property
    def delay(self) -> timedelta | None:
        """How long after it happened it was received; None where that is not known."""
        if self.event is None or not self.files:
            return None
        late: timedelta = self.event["received"] - self.event["time"]
        return max(late, timedelta())


def trace_stored_event(settings: Settings, event_uid: str) -> list[EventTrace]:
    """The ways of the events with that uid, one for each org.

    Raises CollectorError where nobody knows it, or there is no state yet.
    """
    archive = StatePaths(state_dir=settings.state_dir).archive
    with open_state_view(settings) as state, engine.open_engine() as connection:
        found = trace_event(state, connection, event_uid, archive=archive)
    if not found:
        raise CollectorError(f"no event has the uid {event_uid!r}, and no alert tells of one")
    return found


def trace_event(
    state: sa.Connection,
    connection: duckdb.DuckDBPyConnection,
    event_uid: str,
    *,
    archive: ArchiveStore,
) -> list[EventTrace]:
    """The ways of the events with that uid, one for each org; none where nobody knows it.

    Args:
        state: a view of the state.
        connection: a connection of `engine`.
        event_uid: the uid.
        archive: the archive.
    """
    trace_context = TraceContext(state=state, engine=connection, archive=archive)
    raised = _collect_alert_traces(state, event_uid)
    found = [
        _trace_from_archive(trace_context, event_uid, each, raised.pop(each.org, ()))
        for each in _find_event_sets(trace_context, event_uid)
    ]
    return [*found, *(_trace_from_alerts(event_uid, org, known) for org, known in raised.items())]


def _find_event_sets(trace_context: TraceContext, event_uid: str) -> list[EventSet]:
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
    trace_context: TraceContext,
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
        neighbours=tuple(count_neighbours(trace_context, event)),
        neighbour_queries=render_neighbour_queries(event),
    )


def _find_constituent_files(
    trace_context: TraceContext, event_set: EventSet, constituents: tuple[ConstituentEvent, ...]
) -> tuple[ArchiveFile, ...]:
    """Those of the files of a derived event's types that hold what it is made of."""
    uids = [part.event_uid for part in constituents]
    held = event_lookup.find_events(
        trace_context.engine, uids, files=event_set.files, archive=trace_context.archive
    )
    return tuple(file for each in held for file in each.files)


def _read_constituents(
    connection: duckdb.DuckDBPyConnection, event_set: EventSet
) -> tuple[ConstituentEvent, ...]:
    if event_set.constituent_relation is None:
        return ()
    rows = connection.execute(
        f"SELECT event_uid, event_type, time, batch FROM {event_set.constituent_relation}"
        f" ORDER BY time, event_uid LIMIT {CONSTITUENT_LIMIT}"
    ).fetchall()
    return tuple(
        ConstituentEvent(
            event_uid=uid, event_type=event_type, time=time.astimezone(UTC), batch=batch
        )
        for uid, event_type, time, batch in rows
    )


# ---- JSON


def to_json(trace: EventTrace) -> JsonObject:
    """A way as scripts read it."""
    late = trace.delay
    return to_json_object(
        {
            "event_uid": trace.event_uid,
            "org": trace.org,
            "event_type": trace.event_type,
            "late_seconds": None if late is None else round(late.total_seconds()),
            "event": trace.event,
            "files": [file.path for file in trace.files],
            "made_of": [asdict(part) for part in trace.constituents],
            "batches": [_to_batch_json(batch) for batch in trace.batches],
            "alerts": [_to_alert_json(each) for each in trace.alerts],
            "neighbours": [asdict(each) for each in trace.neighbours],
            "sql": trace.neighbour_queries,
        }
    )


def _to_batch_json(batch: BatchOrigin) -> dict[str, object]:
    entry = batch.entry
    return {
        "key": batch.key,
        "source": batch.stream.source,
        "stream": batch.stream.label,
        "event_type": batch.event_type,
        "nominal": batch.log_time,
        "created": batch.created,
        "listed": batch.first_listed,
        "received": batch.received,
        "state": entry.state,
        "reason": entry.reason,
        "rows": entry.rows,
        "duplicates": entry.duplicates,
        "quarantined": entry.quarantined,
        "facts": render_facts(batch.facts),
    }


def _to_alert_json(raised: AlertTrace) -> dict[str, object]:
    return {
        "rule": raised.match.rule,
        "severity": raised.match.severity,
        "title": raised.match.title,
        "alert": raised.alert.id,
        "status": raised.alert.status,
        "deliveries": [asdict(delivery) for delivery in raised.deliveries],
    }
