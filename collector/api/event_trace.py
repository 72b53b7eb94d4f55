"""Traces an event: its batches and files, the alerts and deliveries of it, and its neighbours."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
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
from collector.store import alerts, compacted_files, event_history, ledger
from collector.store.event_history import AlertMembership, BatchOrigin, DeliveryRecord

CONSTITUENT_LIMIT = 100
"""So many of the events that one is made of are listed."""

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
    """The match of an event, its alert, and the deliveries of that."""

    match: AlertMembership
    alert: Alert
    deliveries: tuple[DeliveryRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTrace:
    """The trace of one event of one org.

    Attributes:
        event: its columns; where no file holds it, what an alert has kept of it, if anything.
        files: the archive's files that hold it, or what it is made of.
        constituents: for derived events and for windows, events that they are made of.
        batches: those that brought it, or those events.
        folded_batches: the keys of those of them that are only counted any more.
        alerts: the matches of it, with their alerts and deliveries.
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
    folded_batches: tuple[str, ...] = ()
    alerts: tuple[AlertTrace, ...] = ()
    neighbours: tuple[NeighbourGroup, ...] = ()
    neighbour_queries: Mapping[str, str]

    @property
    def delay(self) -> timedelta | None:
        """How long after it happened it was received; None where the archive does not hold it."""
        if self.event is None or not self.files:
            return None
        delay: timedelta = self.event["received"] - self.event["time"]
        return max(delay, timedelta())


def trace_stored_event(settings: Settings, event_uid: str) -> list[EventTrace]:
    """The traces of the events with that uid, one for each org.

    Raises CollectorError where there is none, or no state yet.
    """
    archive = StatePaths(state_dir=settings.state_dir).archive
    with open_state_view(settings) as state, engine.open_engine() as connection:
        traces = trace_event(state, connection, event_uid, archive=archive)
    if not traces:
        raise CollectorError(f"no event has the uid {event_uid!r}, and no alert tells of one")
    return traces


def trace_event(
    state: sa.Connection,
    connection: duckdb.DuckDBPyConnection,
    event_uid: str,
    *,
    archive: ArchiveStore,
) -> list[EventTrace]:
    """The traces of the events with that uid, one for each org; none where there is none.

    Args:
        state: a view of the state.
        connection: a connection of `engine`.
        event_uid: the uid.
        archive: the archive.
    """
    context = TraceContext(state=state, engine=connection, archive=archive)
    by_org = _collect_alert_traces(state, event_uid)
    event_sets = _find_event_sets(context, event_uid, by_org)
    return [
        *(
            _trace_from_archive(context, event_uid, found, by_org.pop(found.org, ()))
            for found in event_sets
        ),
        *(_trace_from_alerts(event_uid, org, traces) for org, traces in by_org.items()),
    ]


def _find_event_sets(
    context: TraceContext, event_uid: str, alert_traces: Mapping[str, Sequence[AlertTrace]]
) -> list[EventSet]:
    """The events with that uid, first looked for in the batches that the uid names.

    Then around the times of the alerts about them, by org, and last in all files.
    """
    keys = _guess_batch_keys(context.state, event_uid)
    likely_files = [
        file
        for key in keys
        for file in (
            *ledger.read_ledger_batch(context.state, key).files,
            *compacted_files.list_compacted_files(context.state, key),
        )
    ]
    event_sets = event_lookup.find_events(
        context.engine, [event_uid], files=likely_files, archive=context.archive
    )
    if event_sets:
        return event_sets
    alert_spans = {
        org: (
            min(trace.alert.first_time for trace in traces),
            max(trace.alert.last_time for trace in traces),
        )
        for org, traces in alert_traces.items()
    }
    for files in event_lookup.list_searched_files(context.state, alert_spans):
        event_sets = event_lookup.find_events(
            context.engine, [event_uid], files=files, archive=context.archive
        )
        if event_sets:
            break
    return event_sets


def _guess_batch_keys(state: sa.Connection, event_uid: str) -> Iterator[str]:
    """Keys of the batches that may have given the uid: it begins with a log file's id, or a key."""
    match = _LOG_LINE_UID.fullmatch(event_uid)
    if match:
        yield match["prefix"]
        yield from (
            build_batch_key(org, LOG_FILES, match["prefix"])
            for org in event_history.list_collected_orgs(state)
        )


def _collect_alert_traces(
    state: sa.Connection, event_uid: str
) -> dict[str, tuple[AlertTrace, ...]]:
    traces: dict[str, tuple[AlertTrace, ...]] = {}
    for membership in event_history.list_memberships(
        state, event_uid, separator=correlation_sql.UID_SEPARATOR
    ):
        alert = alerts.find_alert(state, membership.alert_id)
        if alert:
            deliveries = tuple(event_history.list_deliveries(state, alert.id))
            trace = AlertTrace(match=membership, alert=alert, deliveries=deliveries)
            traces[membership.org] = (*traces.get(membership.org, ()), trace)
    return traces


def _trace_from_alerts(
    event_uid: str, org: str, alert_traces: tuple[AlertTrace, ...]
) -> EventTrace:
    """The trace of an event that the archive does not hold, or that is a whole window."""
    evidence = [event for item in alert_traces for event in item.alert.evidence]
    event = next((item for item in evidence if item.get("event_uid") == event_uid), None)
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
    context: TraceContext, event_uid: str, event_set: EventSet, alert_traces: tuple[AlertTrace, ...]
) -> EventTrace:
    event = event_lookup.read_events(context.engine, event_set.relation)[0]
    constituents = _read_constituents(context.engine, event_set)
    keys = dict.fromkeys(part.batch for part in constituents) or {event["batch"]: None}
    batches = tuple(event_history.list_batch_origins(context.state, list(keys)))
    known_keys = {batch.key for batch in batches}
    return EventTrace(
        event_uid=event_uid,
        org=event_set.org,
        event_type=event_set.event_type,
        event=event,
        files=event_set.files
        if event_set.constituent_relation is None
        else _find_constituent_files(context, event_set, constituents),
        constituents=constituents,
        batches=batches,
        folded_batches=tuple(key for key in keys if key and key not in known_keys),
        alerts=alert_traces,
        neighbours=tuple(count_neighbours(context, event)),
        neighbour_queries=render_neighbour_queries(event),
    )


def _find_constituent_files(
    context: TraceContext, event_set: EventSet, constituents: tuple[ConstituentEvent, ...]
) -> tuple[ArchiveFile, ...]:
    """Those of the files of a derived event's types that hold what it is made of."""
    uids = [part.event_uid for part in constituents]
    event_sets = event_lookup.find_events(
        context.engine, uids, files=event_set.files, archive=context.archive
    )
    return tuple(file for found in event_sets for file in found.files)


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
    """A trace as scripts read it."""
    delay = trace.delay
    return to_json_object(
        {
            "event_uid": trace.event_uid,
            "org": trace.org,
            "event_type": trace.event_type,
            "late_seconds": None if delay is None else round(delay.total_seconds()),
            "event": trace.event,
            "files": [file.path for file in trace.files],
            "made_of": [asdict(part) for part in trace.constituents],
            "batches": [_to_batch_json(batch) for batch in trace.batches],
            "folded_batches": trace.folded_batches,
            "alerts": [_to_alert_json(item) for item in trace.alerts],
            "neighbours": [asdict(item) for item in trace.neighbours],
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
        "bad_records": entry.bad_records,
        "unknown_times": entry.unknown_times,
        "facts": render_facts(batch.facts),
    }


def _to_alert_json(trace: AlertTrace) -> dict[str, object]:
    return {
        "rule": trace.match.rule,
        "severity": trace.match.severity,
        "title": trace.match.title,
        "alert": trace.alert.id,
        "status": trace.alert.status,
        "deliveries": [asdict(delivery) for delivery in trace.deliveries],
    }
