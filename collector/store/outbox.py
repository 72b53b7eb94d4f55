"""The outbox: messages to channels, leased, sent and recorded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from collector.model import Alert, Delivery, DeliveryState
from collector.store import tables


def enqueue_alert(
    connection: sa.Connection, alert: Alert, channels: Iterable[str], *, now: datetime
) -> None:
    """Enqueue the present revision of an alert for channels.

    Earlier revisions that have not been tried yet are superseded: their messages would say less.
    """
    table = tables.deliveries
    for channel in channels:
        _supersede_deliveries(
            connection, table.c.alert_id == alert.id, table.c.channel == channel, now=now
        )
        connection.execute(
            sa.insert(table).values(
                key=f"{alert.id}.{alert.revision}.{channel}",
                alert_id=alert.id,
                channel=channel,
                revision=alert.revision,
                state=DeliveryState.READY,
                attempts=0,
                due=now,
                created=now,
            )
        )


def find_notified_channels(connection: sa.Connection, alert_id: str) -> frozenset[str]:
    """The channels to which an alert was, or may have been, sent."""
    table = tables.deliveries
    query = sa.select(table.c.channel).where(
        table.c.alert_id == alert_id, table.c.attempts > 0, table.c.state != DeliveryState.REJECTED
    )
    return frozenset(row.channel for row in connection.execute(query))


def cancel_unseen_deliveries(connection: sa.Connection, alert_id: str, *, now: datetime) -> None:
    """Supersede the deliveries of an alert to channels to which it was not sent yet."""
    table = tables.deliveries
    notified = find_notified_channels(connection, alert_id)
    _supersede_deliveries(
        connection, table.c.alert_id == alert_id, table.c.channel.not_in(notified), now=now
    )


def lease_delivery(
    connection: sa.Connection, channel: str, *, now: datetime, until: datetime
) -> Delivery | None:
    """Lease the oldest message due on a channel until then; None where nothing is due.

    A message whose lease ran out (its holder died) is due again; that attempt counts.
    """
    table = tables.deliveries
    query = (
        sa.select(table)
        .where(
            table.c.channel == channel,
            sa.or_(
                sa.and_(table.c.state == DeliveryState.READY, table.c.due <= now),
                sa.and_(table.c.state == DeliveryState.LEASED, table.c.leased_until <= now),
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
        .values(state=DeliveryState.LEASED, leased_until=until, attempts=row.attempts + 1)
    )
    return Delivery(
        key=row.key,
        alert_id=row.alert_id,
        channel=row.channel,
        revision=row.revision,
        attempts=row.attempts + 1,
    )


def release_leases(connection: sa.Connection) -> None:
    """Make all leased messages due again; no holder of a lease may be alive."""
    table = tables.deliveries
    connection.execute(
        sa.update(table)
        .where(table.c.state == DeliveryState.LEASED)
        .values(state=DeliveryState.READY, leased_until=None)
    )


def mark_sent(connection: sa.Connection, key: str, *, reference: str, now: datetime) -> None:
    """Record that the receiver has it."""
    _update_delivery(
        connection, key, state=DeliveryState.SENT, reference=reference, reason="", finished=now
    )


def mark_rejected(connection: sa.Connection, key: str, *, reason: str, now: datetime) -> None:
    """Record that the receiver will not take it until a person changes something."""
    _update_delivery(connection, key, state=DeliveryState.REJECTED, reason=reason, finished=now)


def postpone_delivery(connection: sa.Connection, key: str, *, reason: str, due: datetime) -> None:
    """Record that it was not taken, and make it due again then."""
    _update_delivery(connection, key, state=DeliveryState.READY, reason=reason, due=due)


def pause_channel(connection: sa.Connection, channel: str, *, until: datetime) -> None:
    """Make nothing of a channel due before then, as it has asked."""
    table = tables.deliveries
    connection.execute(
        sa.update(table)
        .where(
            table.c.channel == channel, table.c.state == DeliveryState.READY, table.c.due < until
        )
        .values(due=until)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStats:
    """How many deliveries of a channel are in a state, the oldest of them, and the last reason."""

    channel: str
    state: DeliveryState
    count: int
    oldest: datetime
    reason: str


def list_queue_stats(connection: sa.Connection) -> list[QueueStats]:
    """The outbox, counted per channel and state."""
    table = tables.deliveries
    query = (
        sa.select(
            table.c.channel,
            table.c.state,
            sa.func.count().label("count"),
            sa.func.min(table.c.created, type_=tables.MicrosecondTime()).label("oldest"),
            sa.func.max(table.c.reason).label("reason"),
        )
        .group_by(table.c.channel, table.c.state)
        .order_by(table.c.channel, table.c.state)
    )
    return [QueueStats(**row._asdict()) for row in connection.execute(query)]


def _supersede_deliveries(
    connection: sa.Connection, *conditions: sa.ColumnElement[bool], now: datetime
) -> None:
    """Mark what has not been tried yet as superseded."""
    table = tables.deliveries
    connection.execute(
        sa.update(table)
        .where(table.c.state == DeliveryState.READY, table.c.attempts == 0, *conditions)
        .values(state=DeliveryState.SUPERSEDED, finished=now)
    )


def _update_delivery(connection: sa.Connection, key: str, **values: object) -> None:
    table = tables.deliveries
    connection.execute(
        sa.update(table).where(table.c.key == key).values(leased_until=None, **values)
    )
