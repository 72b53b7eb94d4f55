"""How collecting and delivering goes, as far as the state can tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import sqlalchemy as sa

from collector.model import Stream
from collector.store import ledger, outbox, rules, tables
from collector.store.ledger import LOST, QUARANTINED, Poll
from collector.store.outbox import Pile
from collector.store.rules import Fault, Loading

HISTORY = timedelta(days=7)
"""How far back a stream's habits are looked at."""

LATELY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Habit:
    """A stream's batches: the nominal time of the `newest`, and what was usual before it.

    `days` of the seven before had events; `pause` was the longest time between two batches.
    """

    newest: datetime
    days: int
    pause: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """Batches of one type that were lost or quarantined on one day, the `first` of them then."""

    org: str
    source: str
    event_type: str
    state: str
    first: datetime
    count: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """What there is to see.

    `refused` are messages that a channel would not take on this day, `faults` rules that failed
    while they ran, `loading` how loading the rules went last.
    """

    polls: Sequence[Poll]
    habits: Mapping[Stream, Habit]
    set_aside: Sequence[SetAside]
    waiting: Sequence[Pile]
    refused: Sequence[Pile]
    faults: Sequence[Fault] = ()
    loading: Loading | None = None


def vitals(connection: sa.Connection, *, now: datetime) -> Vitals:
    """How it goes at this moment."""
    polls = ledger.polls(connection)
    habits = {poll.stream: _habit(connection, poll.stream) for poll in polls}
    piles = outbox.piles(connection)
    return Vitals(
        polls=polls,
        habits={stream: habit for stream, habit in habits.items() if habit is not None},
        set_aside=_set_aside(connection, since=now - LATELY),
        waiting=[pile for pile in piles if pile.state in (outbox.READY, outbox.LEASED)],
        refused=_refused(connection, since=_midnight(now)),
        faults=rules.faults(connection),
        loading=rules.loading(connection),
    )


def _habit(connection: sa.Connection, stream: Stream) -> Habit | None:
    newest = ledger.newest(connection, stream)
    if newest is None:
        return None
    table = tables.batches
    query = (
        sa.select(table.c.nominal)
        .distinct()
        .where(
            table.c.org == stream.org,
            table.c.source == stream.source,
            table.c.stream == stream.name,
            table.c.nominal > newest - HISTORY,
        )
        .order_by(table.c.nominal)
    )
    times: list[datetime] = list(connection.scalars(query))
    pauses = [later - earlier for earlier, later in pairwise(times)]
    return Habit(
        newest=newest,
        days=len({newest.date() - time.date() for time in times}),
        pause=max(pauses, default=timedelta()),
    )


def _set_aside(connection: sa.Connection, *, since: datetime) -> list[SetAside]:
    table = tables.batches
    columns = (table.c.org, table.c.source, table.c.event_type, table.c.state)
    query = (
        sa.select(*columns, table.c.received, table.c.reason)
        .where(table.c.state.in_((LOST, QUARANTINED)), table.c.received >= _midnight(since))
        .order_by(table.c.received, table.c.key)
    )
    found: dict[tuple[str, ...], SetAside] = {}
    for row in connection.execute(query):
        key = (row.org, row.source, row.event_type, row.state, row.received.date().isoformat())
        before = found.get(key)
        found[key] = SetAside(
            org=row.org,
            source=row.source,
            event_type=row.event_type,
            state=row.state,
            first=before.first if before else row.received,
            count=before.count + 1 if before else 1,
            reason=before.reason if before else row.reason,
        )
    return list(found.values())


def _refused(connection: sa.Connection, *, since: datetime) -> list[Pile]:
    table = tables.deliveries
    query = (
        sa.select(
            table.c.channel,
            sa.func.count().label("size"),
            sa.func.min(table.c.finished, type_=tables.Moment()).label("oldest"),
            sa.func.max(table.c.reason).label("reason"),
        )
        .where(table.c.state == outbox.REFUSED, table.c.finished >= since)
        .group_by(table.c.channel)
        .order_by(table.c.channel)
    )
    return [
        Pile(
            channel=row.channel,
            state=outbox.REFUSED,
            count=row.size,
            oldest=row.oldest,
            reason=row.reason,
        )
        for row in connection.execute(query)
    ]


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)
