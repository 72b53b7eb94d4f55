"""`collector hunt --event`: an event's whole way."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from collector import engine
from collector.cli.common import (
    cells,
    colored,
    number,
    print_json,
    print_paragraph,
    print_table,
    span,
    table,
    value_text,
    whole,
)
from collector.cli.options import reading
from collector.errors import CollectorError
from collector.journey import Journey, Raised, journeys
from collector.pipeline import Places
from collector.settings import Settings
from collector.store.trail import Taken, Told


def show_event(settings: Settings, event_uid: str, *, as_json: bool) -> None:
    """Print the way of the events with that uid; there may be one in several orgs."""
    root = Places(state_dir=settings.state_dir).archive
    with reading(settings) as state, engine.connect() as connection:
        found = journeys(state, connection, event_uid, root=root)
    if not found:
        raise CollectorError(f"no event has the uid {event_uid!r}, and no alert tells of one")
    for journey in found:
        if as_json:
            print_json(_as_dict(journey))
        else:
            _print(journey)


# ---- for a person


def _print(journey: Journey) -> None:
    kind = journey.event_type or "event"
    print_paragraph(f"{kind} {journey.event_uid} of {journey.org}{_when(journey)}")
    if not journey.files:
        print_paragraph("The archive does not hold it. This is what alerts tell of it.")
    for batch in journey.batches:
        _print_pairs("Where it came from", list(_origin(batch)))
    if journey.files:
        _print_pairs("Where it is", [("file", file.path) for file in journey.files])
    if journey.event:
        _print_pairs("What it says", list(journey.event.items()))
    _print_parts(journey)
    _print_alerts(journey.alerts)
    _print_neighbours(journey)


def _print_pairs(title: str, pairs: Sequence[tuple[str, Any]]) -> None:
    rows = table(whole(""), "", title=title)
    rows.show_header = False
    for name, value in pairs:
        rows.add_row(*cells((name, value_text(value))))
    print_table(rows)


def _origin(batch: Taken) -> Iterator[tuple[str, Any]]:
    """What brought it, without what there is nothing to say of."""
    entry = batch.entry
    said = {
        "source": batch.stream.source,
        "stream": batch.stream.name,
        "event type": batch.event_type,
        "batch": batch.key,
        **{name.replace("_", " "): value for name, value in batch.facts.items()},
        "of": batch.nominal,
        "made by the org": batch.created,
        "first listed": batch.listed,
        "received": batch.received,
        "state": entry.state,
        "events": entry.rows,
        "dropped, as they were there": entry.duplicates or None,
        "segments in quarantine": entry.quarantined or None,
        "reason": entry.reason or None,
    }
    yield from ((name, value) for name, value in said.items() if value is not None)


def _when(journey: Journey) -> str:
    """When it happened, and how late it came."""
    event = journey.event
    if event is None:
        return ""
    late = _late(journey)
    came = f", received {span(late)} later" if late else ""
    return f" at {value_text(event['time'])}{came}"


def _late(journey: Journey) -> timedelta | None:
    """None where it is not known when it was received."""
    event = journey.event
    if event is None or not journey.files:
        return None
    late: timedelta = event["received"] - event["time"]
    return max(late, timedelta())


def _print_parts(journey: Journey) -> None:
    if not journey.made_of:
        return
    rows = table(whole("time"), whole("event type"), "event", title="What it is made of")
    for part in journey.made_of:
        rows.add_row(*cells((value_text(part.time), part.event_type, part.event_uid)))
    print_table(rows)


def _print_alerts(raised: Sequence[Raised]) -> None:
    if not raised:
        print_paragraph("No rule that alerts has matched it.")
        return
    rows = table("rule", whole("severity"), whole("alert"), "told", title="Who matched it")
    for each in raised:
        alert = each.alert
        whose = f"{alert.id[:8]} {alert.status}"
        told = ", ".join(map(_message, each.told)) or "nobody"
        severity = colored(each.match.severity)
        rows.add_row(*cells((f"{each.match.rule}: {each.match.title}", severity, whose, told)))
    print_table(rows)


def _message(told: Told) -> str:
    since = told.finished or told.created
    reason = f" ({told.reason})" if told.reason else ""
    return f"{told.channel} {told.state} {value_text(since)}{reason}"


def _print_neighbours(journey: Journey) -> None:
    if not journey.sql:
        return
    rows = table(
        "with the same",
        "event type",
        number("events"),
        whole("first"),
        whole("last"),
        title="What is beside it, within a day",
    )
    for each in journey.neighbours:
        first, last = value_text(each.first), value_text(each.last)
        rows.add_row(*cells((each.column, each.event_type, f"{each.count:,}", first, last)))
    if rows.row_count:
        print_table(rows)
    for sql in journey.sql.values():
        # Quoted for a shell: what stands in it has come from the org.
        print_paragraph(f"collector hunt {shlex.quote(sql)}")


# ---- for a script


def _as_dict(journey: Journey) -> dict[str, Any]:
    late = _late(journey)
    return {
        "event_uid": journey.event_uid,
        "org": journey.org,
        "event_type": journey.event_type,
        "late_seconds": None if late is None else round(late.total_seconds()),
        "event": journey.event,
        "files": [file.path for file in journey.files],
        "made_of": [asdict(part) for part in journey.made_of],
        "batches": [_batch(batch) for batch in journey.batches],
        "alerts": [_alert(raised) for raised in journey.alerts],
        "neighbours": [asdict(each) for each in journey.neighbours],
        "sql": journey.sql,
    }


def _batch(batch: Taken) -> dict[str, Any]:
    entry = batch.entry
    return {
        "key": batch.key,
        "source": batch.stream.source,
        "stream": batch.stream.name,
        "event_type": batch.event_type,
        "nominal": batch.nominal,
        "created": batch.created,
        "listed": batch.listed,
        "received": batch.received,
        "state": entry.state,
        "reason": entry.reason,
        "rows": entry.rows,
        "duplicates": entry.duplicates,
        "quarantined": entry.quarantined,
        "facts": batch.facts,
    }


def _alert(raised: Raised) -> dict[str, Any]:
    return {
        "rule": raised.match.rule,
        "severity": raised.match.severity,
        "title": raised.match.title,
        "alert": raised.alert.id,
        "status": raised.alert.status,
        "deliveries": [asdict(told) for told in raised.told],
    }
