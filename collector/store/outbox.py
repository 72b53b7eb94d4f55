"""The outbox: messages owed to channels. Leased, sent, recorded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from collector.model import Alert, Delivery
from collector.store import tables

READY, LEASED, SENT, REFUSED, SUPERSEDED = "ready", "leased", "sent", "refused", "superseded"


def owe(connection: sa.Connection, alert: Alert, channels: Iterable[str], *, now: datetime) -> None:
    """Owe the present revision of an alert to channels.

    What is still waiting of an earlier revision is dropped: its message would say less.
    """
    table = tables.deliveries
    for channel in channels:
        _supersede(connection, table.c.alert_id == alert.id, table.c.channel == channel, now=now)
        connection.execute(
            sa.insert(table).values(
                key=f"{alert.id}.{alert.revision}.{channel}",
                alert_id=alert.id,
                channel=channel,
                revision=alert.revision,
                state=READY,
                attempts=0,
                due=now,
                created=now,
            )
        )


def reached(connection: sa.Connection, alert_id: str) -> frozenset[str]:
    """The channels that were told of an alert, or may have been."""
    table = tables.deliveries
    query = sa.select(table.c.channel).where(
        table.c.alert_id == alert_id, table.c.attempts > 0, table.c.state != REFUSED
    )
    return frozenset(row.channel for row in connection.execute(query))


def drop(connection: sa.Connection, alert_id: str, *, now: datetime) -> None:
    """Owe nothing more of an alert to channels that have not heard of it."""
    table = tables.deliveries
    heard = reached(connection, alert_id)
    _supersede(connection, table.c.alert_id == alert_id, table.c.channel.not_in(heard), now=now)


def lease(
    connection: sa.Connection, channel: str, *, now: datetime, until: datetime
) -> Delivery | None:
    """Take the oldest message due on a channel; nobody else gets it before `until`.

    A lease that ran out (its holder died in between) is due again; that attempt counts.
    """
    table = tables.deliveries
    query = (
        sa.select(table)
        .where(
            table.c.channel == channel,
            sa.or_(
                sa.and_(table.c.state == READY, table.c.due <= now),
                sa.and_(table.c.state == LEASED, table.c.leased_until <= now),
            ),
        )
        .order_by(table.c.created, table.c.key)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    row = connection.execute(query).first()
    if row is None:
        return None
    connection.execute(
        sa.update(table)
        .where(table.c.key == row.key)
        .values(state=LEASED, leased_until=until, attempts=row.attempts + 1)
    )
    return Delivery(
        key=row.key,
        alert_id=row.alert_id,
        channel=row.channel,
        revision=row.revision,
        attempts=row.attempts + 1,
    )


def release(connection: sa.Connection) -> None:
    """Make due again what was leased: for whoever knows that no holder of a lease is alive."""
    table = tables.deliveries
    connection.execute(
        sa.update(table).where(table.c.state == LEASED).values(state=READY, leased_until=None)
    )


def sent(connection: sa.Connection, key: str, *, reference: str, now: datetime) -> None:
    """The receiver has it."""
    _finish(connection, key, state=SENT, reference=reference, reason="", finished=now)


def refused(connection: sa.Connection, key: str, *, reason: str, now: datetime) -> None:
    """The receiver will not take it; a person has to change something."""
    _finish(connection, key, state=REFUSED, reason=reason, finished=now)


def postpone(connection: sa.Connection, key: str, *, reason: str, due: datetime) -> None:
    """Not taken now; due again then."""
    _finish(connection, key, state=READY, reason=reason, due=due)


def hold(connection: sa.Connection, channel: str, *, until: datetime) -> None:
    """A channel asked for a pause: nothing of it is due before then."""
    table = tables.deliveries
    connection.execute(
        sa.update(table)
        .where(table.c.channel == channel, table.c.state == READY, table.c.due < until)
        .values(due=until)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pile:
    """How many deliveries of a channel are in a state, the oldest of them, and the last reason."""

    channel: str
    state: str
    count: int
    oldest: datetime
    reason: str


def piles(connection: sa.Connection) -> list[Pile]:
    """The outbox, counted per channel and state."""
    table = tables.deliveries
    query = (
        sa.select(
            table.c.channel,
            table.c.state,
            sa.func.count().label("size"),
            sa.func.min(table.c.created, type_=tables.Moment()).label("oldest"),
            sa.func.max(table.c.reason).label("reason"),
        )
        .group_by(table.c.channel, table.c.state)
        .order_by(table.c.channel, table.c.state)
    )
    return [
        Pile(
            channel=row.channel,
            state=row.state,
            count=row.size,
            oldest=row.oldest,
            reason=row.reason,
        )
        for row in connection.execute(query)
    ]


def _supersede(connection: sa.Connection, *which: sa.ColumnElement[bool], now: datetime) -> None:
    """What has not been tried yet will not be sent."""
    table = tables.deliveries
    connection.execute(
        sa.update(table)
        .where(table.c.state == READY, table.c.attempts == 0, *which)
        .values(state=SUPERSEDED, finished=now)
    )


def _finish(connection: sa.Connection, key: str, **values: object) -> None:
    table = tables.deliveries
    connection.execute(
        sa.update(table).where(table.c.key == key).values(leased_until=None, **values)
    )
