"""An event's whole way: where it came from, what it says, who was told of it, what is beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import sqlalchemy as sa

from collector import records
from collector.archive import read
from collector.detect import windows
from collector.model import Alert, ArchiveFile, Event
from collector.records import Records
from collector.sources.contract import batch_key
from collector.sources.log_file import KIND as LOG_FILES
from collector.store import alerts, ledger, trail
from collector.store.trail import Membership, Taken, Told
from collector.text import sql_identifier, sql_literal

TIES = ("session_key", "login_key", "request_id")
"""What ties events together."""

AROUND = timedelta(days=1)
"""Neighbours are looked for so long before and after."""

PARTS = 100
"""So many of the events that one is made of are told."""

_LINE = re.compile(r"(?P<prefix>.+):\d+:\d+", re.DOTALL)
_WINDOW = "window:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """An event that a derived one is made of."""

    event_uid: str
    event_type: str
    time: datetime
    batch: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """The other events of one type that have the same value in `column`."""

    column: str
    event_type: str
    count: int
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    """What a rule said of an event, the alert that it belongs to, and that one's messages."""

    match: Membership
    alert: Alert
    told: tuple[Told, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
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
    made_of: tuple[Part, ...] = ()
    batches: tuple[Taken, ...] = ()
    alerts: tuple[Raised, ...] = ()
    neighbours: tuple[Neighbours, ...] = ()
    sql: Mapping[str, str]


def journeys(
    state: sa.Connection, engine: duckdb.DuckDBPyConnection, event_uid: str, *, root: Path
) -> list[Journey]:
    """The ways of the events with that uid, one for each org; none where nobody knows it.

    Args:
        state: a view of the state.
        engine: a connection of `engine`.
        event_uid: the uid.
        root: where the archive lies.
    """
    traces = _Traces(state=state, engine=engine, root=root)
    raised = _raised(state, event_uid)
    found = [
        _journey(traces, event_uid, each, raised.pop(each.org, ()))
        for each in _found(traces, event_uid)
    ]
    return [*found, *(_told_only(event_uid, org, known) for org, known in raised.items())]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Traces:
    """Where events leave traces: the state and the archive, with an engine to read it."""

    state: sa.Connection
    engine: duckdb.DuckDBPyConnection
    root: Path


def _found(traces: _Traces, event_uid: str) -> list[Records]:
    """The event, first looked for where its uid says that it is."""
    keys = _batches(traces.state, event_uid)
    likely = [file for key in keys for file in ledger.recorded(traces.state, key).files]
    found = records.find(traces.engine, [event_uid], files=likely, root=traces.root)
    if found:
        return found
    files = ledger.archive_files(traces.state)
    return records.find(traces.engine, [event_uid], files=files, root=traces.root)


def _batches(state: sa.Connection, event_uid: str) -> Iterator[str]:
    """Keys of the batches that may have given the uid: it begins with a log file's id, or a key."""
    line = _LINE.fullmatch(event_uid)
    if line:
        yield line["prefix"]
        yield from (batch_key(org, LOG_FILES, line["prefix"]) for org in trail.orgs(state))


def _raised(state: sa.Connection, event_uid: str) -> dict[str, tuple[Raised, ...]]:
    raised: dict[str, tuple[Raised, ...]] = {}
    for membership in trail.memberships(state, event_uid, apart=windows.APART):
        alert = alerts.get(state, membership.alert_id)
        if alert:
            told = tuple(trail.deliveries(state, alert.id))
            one = Raised(match=membership, alert=alert, told=told)
            raised[membership.org] = (*raised.get(membership.org, ()), one)
    return raised


def _told_only(event_uid: str, org: str, raised: tuple[Raised, ...]) -> Journey:
    """What alerts tell of an event that the archive does not hold, or that is a whole window."""
    evidence = [event for each in raised for event in each.alert.evidence]
    event = next((each for each in evidence if each.get("event_uid") == event_uid), None)
    return Journey(
        event_uid=event_uid,
        org=org,
        event_type=str(event.get("event_type", "")) if event else "",
        event=event,
        made_of=tuple(map(_part, evidence)) if event_uid.startswith(_WINDOW) else (),
        alerts=raised,
        sql={},
    )


def _part(evidence: Event) -> Part:
    return Part(
        event_uid=str(evidence["event_uid"]),
        event_type=str(evidence.get("event_type", "")),
        time=datetime.fromisoformat(evidence["time"]),
        batch="",
    )


def _journey(
    traces: _Traces, event_uid: str, found: Records, raised: tuple[Raised, ...]
) -> Journey:
    event = records.events(traces.engine, found.relation)[0]
    made_of = _parts(traces.engine, found)
    batches = dict.fromkeys(part.batch for part in made_of) or {event["batch"]: None}
    return Journey(
        event_uid=event_uid,
        org=found.org,
        event_type=found.event_type,
        event=event,
        files=found.files if found.made_of is None else _files(traces, found, made_of),
        made_of=made_of,
        batches=tuple(trail.taken(traces.state, list(batches))),
        alerts=raised,
        neighbours=tuple(_neighbours(traces, event)),
        sql={column: _hint(column, event) for column in TIES if event.get(column)},
    )


def _files(traces: _Traces, found: Records, made_of: tuple[Part, ...]) -> tuple[ArchiveFile, ...]:
    """Those of the files of a derived event's types that hold what it is made of."""
    uids = [part.event_uid for part in made_of]
    held = records.find(traces.engine, uids, files=found.files, root=traces.root)
    return tuple(file for each in held for file in each.files)


def _parts(engine: duckdb.DuckDBPyConnection, found: Records) -> tuple[Part, ...]:
    if found.made_of is None:
        return ()
    rows = engine.execute(
        f"SELECT event_uid, event_type, time, batch FROM {found.made_of}"
        f" ORDER BY time, event_uid LIMIT {PARTS}"
    ).fetchall()
    return tuple(
        Part(event_uid=uid, event_type=event_type, time=time.astimezone(UTC), batch=batch)
        for uid, event_type, time, batch in rows
    )


def _neighbours(traces: _Traces, event: Event) -> Iterator[Neighbours]:
    tied = [column for column in TIES if event.get(column)]
    span = (event["time"] - AROUND, event["time"] + AROUND)
    files = ledger.archive_files(traces.state, org=event["org"], between=span)
    if not tied or not files:
        return
    events = read.relation(traces.root / file.path for file in files)
    counts = " UNION ALL ".join(
        f"SELECT {place} AS place, event_type, count(*) AS size, min(time), max(time)"
        f" FROM {events} WHERE {_tie(column, event)} AND {_others(event)} GROUP BY event_type"
        for place, column in enumerate(tied)
    )
    for place, event_type, count, first, last in traces.engine.execute(
        f"{counts} ORDER BY place, size DESC, event_type"
    ).fetchall():
        yield Neighbours(
            column=tied[place],
            event_type=event_type,
            count=count,
            first=first.astimezone(UTC),
            last=last.astimezone(UTC),
        )


def _tie(column: str, event: Event) -> str:
    return f"{sql_identifier(column)} = {sql_literal(event[column])}"


def _others(event: Event) -> str:
    first, last = (
        f"TIMESTAMPTZ {sql_literal(moment.isoformat(sep=' '))}"
        for moment in (event["time"] - AROUND, event["time"] + AROUND)
    )
    return f"event_uid <> {sql_literal(event['event_uid'])} AND time BETWEEN {first} AND {last}"


def _hint(column: str, event: Mapping[str, Any]) -> str:
    return (
        f"SELECT time, event_type, user_name, source_ip, operation, entity, record_count"
        f" FROM events WHERE org = {sql_literal(event['org'])}"
        f" AND {column} = {sql_literal(event[column])} ORDER BY time"
    )
