"""`collector hunt --event`: the trace of an event."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from collector.api.event_trace import AlertTrace, EventTrace, to_json, trace_stored_event
from collector.cli.deliveries import format_delivery
from collector.cli.output import (
    add_row,
    build_fixed_column,
    build_number_column,
    build_table,
    color_severity,
    format_duration,
    format_value,
    print_json_lines,
    print_pairs,
    print_paragraph,
    print_table,
)
from collector.model import render_facts
from collector.settings import Settings

_KEYS_SHOWN = 3


def show_event(settings: Settings, event_uid: str, *, as_json: bool) -> None:
    """Print the traces of the events with that uid; there may be one in several orgs."""
    traces = trace_stored_event(settings, event_uid)
    if as_json:
        print_json_lines(map(to_json, traces))
        return
    for trace in traces:
        _print_trace(trace)


def _print_trace(trace: EventTrace) -> None:
    kind = trace.event_type or "event"
    print_paragraph(f"{kind} {trace.event_uid} of {trace.org}{_format_arrival(trace)}")
    if not trace.files:
        print_paragraph("The archive does not hold it. This is what alerts tell of it.")
    for facts in _list_batch_facts(trace):
        print_pairs("Where it came from", facts)
    if trace.folded_batches:
        print_paragraph(
            f"It came with {_list_some(trace.folded_batches)}: the ledger only counts batches of"
            " that age, and says no more of them."
        )
    if trace.files:
        print_pairs("Where it is", [("file", file.path) for file in trace.files])
    if trace.event:
        print_pairs("What it says", trace.event.items())
    _print_constituents(trace)
    _print_alerts(trace.alerts)
    _print_neighbours(trace)


def _list_batch_facts(trace: EventTrace) -> Iterator[list[tuple[str, object]]]:
    """Names and values of each batch that brought it, without those that are None."""
    for batch in trace.batches:
        entry = batch.entry
        facts = {
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
            "bad records": entry.bad_records or None,
            "events of unknown time": entry.unknown_times or None,
            "reason": entry.reason or None,
        }
        yield [(name, value) for name, value in facts.items() if value is not None]


def _list_some(keys: Sequence[str]) -> str:
    """The batches with these keys; where they are many, the first of them."""
    others = len(keys) - _KEYS_SHOWN
    shown = ", ".join(keys[:_KEYS_SHOWN]) + (f" and {others:,} others" if others > 0 else "")
    return f"{'batch' if len(keys) == 1 else 'batches'} {shown}"


def _format_arrival(trace: EventTrace) -> str:
    """When it happened, and how much later it was received."""
    event = trace.event
    if event is None:
        return ""
    delay = trace.delay
    received = f", received {format_duration(delay)} later" if delay else ""
    return f" at {format_value(event['time'])}{received}"


def _print_constituents(trace: EventTrace) -> None:
    if not trace.constituents:
        return
    table = build_table(
        build_fixed_column("time"),
        build_fixed_column("event type"),
        "event",
        title="What it is made of",
    )
    for part in trace.constituents:
        add_row(table, format_value(part.time), part.event_type, part.event_uid)
    print_table(table)


def _print_alerts(traces: Sequence[AlertTrace]) -> None:
    if not traces:
        print_paragraph("No rule that alerts has matched it.")
        return
    table = build_table(
        "rule",
        build_fixed_column("severity"),
        build_fixed_column("alert"),
        "told",
        title="Who matched it",
    )
    for trace in traces:
        alert = trace.alert
        alert_state = f"{alert.id[:8]} {alert.status}"
        receivers = ", ".join(map(format_delivery, trace.deliveries)) or "nobody"
        severity = color_severity(trace.match.severity)
        match = f"{trace.match.rule}: {trace.match.title}"
        add_row(table, match, severity, alert_state, receivers)
    print_table(table)


def _print_neighbours(trace: EventTrace) -> None:
    if not trace.neighbour_queries:
        return
    table = build_table(
        "with the same",
        "event type",
        build_number_column("events"),
        build_fixed_column("first"),
        build_fixed_column("last"),
        title="What is beside it, within a day",
    )
    for group in trace.neighbours:
        first, last = format_value(group.first), format_value(group.last)
        add_row(table, group.column, group.event_type, f"{group.count:,}", first, last)
    if table.row_count:
        print_table(table)
    for sql in trace.neighbour_queries.values():
        # Quoted for a shell: what stands in it has come from the org.
        print_paragraph(f"collector hunt {shlex.quote(sql)}")
