"""`collector hunt --event`: an event's whole way."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from collector import engine
from collector.api.event_trace import AlertTrace, EventTrace, trace_event
from collector.cli.options import open_state_view
from collector.cli.output import (
    build_fixed_column,
    build_number_column,
    build_table,
    color_severity,
    format_duration,
    format_value,
    print_json,
    print_paragraph,
    print_table,
    to_cells,
)
from collector.errors import CollectorError
from collector.ingest.state_paths import StatePaths
from collector.model import render_facts
from collector.settings import Settings
from collector.store.event_history import BatchOrigin, DeliveryRecord


def show_event(settings: Settings, event_uid: str, *, as_json: bool) -> None:
    """Print the way of the events with that uid; there may be one in several orgs."""
    archive = StatePaths(state_dir=settings.state_dir).archive
    with open_state_view(settings) as state, engine.open_engine() as connection:
        found = trace_event(state, connection, event_uid, archive=archive)
    if not found:
        raise CollectorError(f"no event has the uid {event_uid!r}, and no alert tells of one")
    for journey in found:
        if as_json:
            print_json(_to_trace_dict(journey))
        else:
            _print_trace(journey)


# ---- for a person


def _print_trace(journey: EventTrace) -> None:
    kind = journey.event_type or "event"
    print_paragraph(f"{kind} {journey.event_uid} of {journey.org}{_format_arrival(journey)}")
    if not journey.files:
        print_paragraph("The archive does not hold it. This is what alerts tell of it.")
    for batch in journey.batches:
        _print_pairs("Where it came from", list(_list_batch_facts(batch)))
    if journey.files:
        _print_pairs("Where it is", [("file", file.path) for file in journey.files])
    if journey.event:
        _print_pairs("What it says", list(journey.event.items()))
    _print_constituents(journey)
    _print_alerts(journey.alerts)
    _print_neighbours(journey)


def _print_pairs(title: str, pairs: Sequence[tuple[str, Any]]) -> None:
    rows = build_table(build_fixed_column(""), "", title=title)
    rows.show_header = False
    for name, value in pairs:
        rows.add_row(*to_cells((name, format_value(value))))
    print_table(rows)


def _list_batch_facts(batch: BatchOrigin) -> Iterator[tuple[str, Any]]:
    """What brought it, without what there is nothing to say of."""
    entry = batch.entry
    said = {
        "source": batch.stream.source,
        "stream": batch.stream.label,
        "event type": batch.event_type,
        "batch": batch.key,
        **{name.replace("_", " "): value for name, value in render_facts(batch.facts).items()},
        "of": batch.log_time,
        "made by the org": batch.created,
        "first listed": batch.first_listed,
        "received": batch.received,
        "state": entry.state,
        "events": entry.rows,
        "dropped, as they were there": entry.duplicates or None,
        "segments in quarantine": entry.quarantined or None,
        "reason": entry.reason or None,
    }
    yield from ((name, value) for name, value in said.items() if value is not None)


def _format_arrival(journey: EventTrace) -> str:
    """When it happened, and how late it came."""
    event = journey.event
    if event is None:
        return ""
    late = _compute_delay(journey)
    came = f", received {format_duration(late)} later" if late else ""
    return f" at {format_value(event['time'])}{came}"


def _compute_delay(journey: EventTrace) -> timedelta | None:
    """None where it is not known when it was received."""
    event = journey.event
    if event is None or not journey.files:
        return None
    late: timedelta = event["received"] - event["time"]
    return max(late, timedelta())


def _print_constituents(journey: EventTrace) -> None:
    if not journey.constituents:
        return
    rows = build_table(
        build_fixed_column("time"),
        build_fixed_column("event type"),
        "event",
        title="What it is made of",
    )
    for part in journey.constituents:
        rows.add_row(*to_cells((format_value(part.time), part.event_type, part.event_uid)))
    print_table(rows)


def _print_alerts(raised: Sequence[AlertTrace]) -> None:
    if not raised:
        print_paragraph("No rule that alerts has matched it.")
        return
    rows = build_table(
        "rule",
        build_fixed_column("severity"),
        build_fixed_column("alert"),
        "told",
        title="Who matched it",
    )
    for each in raised:
        alert = each.alert
        whose = f"{alert.id[:8]} {alert.status}"
        told = ", ".join(map(_format_delivery, each.deliveries)) or "nobody"
        severity = color_severity(each.match.severity)
        rows.add_row(*to_cells((f"{each.match.rule}: {each.match.title}", severity, whose, told)))
    print_table(rows)


def _format_delivery(told: DeliveryRecord) -> str:
    since = told.finished or told.created
    reason = f" ({told.reason})" if told.reason else ""
    return f"{told.channel} {told.state} {format_value(since)}{reason}"


def _print_neighbours(journey: EventTrace) -> None:
    if not journey.neighbour_queries:
        return
    rows = build_table(
        "with the same",
        "event type",
        build_number_column("events"),
        build_fixed_column("first"),
        build_fixed_column("last"),
        title="What is beside it, within a day",
    )
    for each in journey.neighbours:
        first, last = format_value(each.first), format_value(each.last)
        rows.add_row(*to_cells((each.column, each.event_type, f"{each.count:,}", first, last)))
    if rows.row_count:
        print_table(rows)
    for sql in journey.neighbour_queries.values():
        # Quoted for a shell: what stands in it has come from the org.
        print_paragraph(f"collector hunt {shlex.quote(sql)}")


# ---- for a script


def _to_trace_dict(journey: EventTrace) -> dict[str, Any]:
    late = _compute_delay(journey)
    return {
        "event_uid": journey.event_uid,
        "org": journey.org,
        "event_type": journey.event_type,
        "late_seconds": None if late is None else round(late.total_seconds()),
        "event": journey.event,
        "files": [file.path for file in journey.files],
        "made_of": [asdict(part) for part in journey.constituents],
        "batches": [_to_batch_dict(batch) for batch in journey.batches],
        "alerts": [_to_alert_dict(raised) for raised in journey.alerts],
        "neighbours": [asdict(each) for each in journey.neighbours],
        "sql": journey.neighbour_queries,
    }


def _to_batch_dict(batch: BatchOrigin) -> dict[str, Any]:
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


def _to_alert_dict(raised: AlertTrace) -> dict[str, Any]:
    return {
        "rule": raised.match.rule,
        "severity": raised.match.severity,
        "title": raised.match.title,
        "alert": raised.alert.id,
        "status": raised.alert.status,
        "deliveries": [asdict(told) for told in raised.deliveries],
    }
