"""The outbox: messages to channels, and what became of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from collector.model import Alert, Delivery, DeliveryState
from collector.store import tables
from collector.store.chunks import split_chunks
from collector.store.upsert import build_insert


def enqueue_alert(
    connection: sa.Connection, alert: Alert, channels: Iterable[str], *, now: datetime
) -> None:
    """Enqueue the present revision of an alert for channels.

    Earlier revisions that have not been tried yet, were refused or wait in a digest are superseded:
    their messages would say less.
    """
    for channel in channels:
        _supersede_earlier(connection, alert.id, channel, now=now)
        connection.execute(sa.insert(tables.deliveries).values(_build_row(alert, channel, now=now)))


def enqueue_fallback(
    connection: sa.Connection,
    alert: Alert,
    channels: Iterable[str],
    *,
    instead_of: str,
    now: datetime,
) -> list[str]:
    """Enqueue the present revision of an alert for the channels that stand in for another one.

    Returns those of the channels that had no message of it.
    """
    added = []
    for channel in channels:
        row = {**_build_row(alert, channel, now=now), "instead_of": instead_of}
        statement = build_insert(connection, tables.deliveries).values(row)
        if connection.execute(statement.on_conflict_do_nothing()).rowcount:
            added.append(channel)
    return added


def list_told_alert_ids(connection: sa.Connection, delivery: Delivery) -> set[str]:
    """The alerts that a message tells: one, or those of a digest."""
    if delivery.alert_id is not None:
        return {delivery.alert_id}
    table = tables.deliveries
    query = sa.select(table.c.alert_id).where(
        table.c.digest == delivery.key, table.c.state != DeliveryState.SUPERSEDED
    )
    return set(connection.scalars(query))


def find_last_sent(connection: sa.Connection) -> datetime | None:
    """When a message was taken last; None where none was."""
    table = tables.deliveries
    newest = sa.func.max(table.c.finished, type_=tables.MicrosecondTime())
    sent: datetime | None = connection.scalar(
        sa.select(newest).where(table.c.state == DeliveryState.SENT)
    )
    return sent


def list_sent_revisions(
    connection: sa.Connection, alert_ids: Iterable[str]
) -> set[tuple[str, str, int]]:
    """Of some alerts, the channels that have messages of them, and of which revisions."""
    table = tables.deliveries
    sent: set[tuple[str, str, int]] = set()
    for chunk in split_chunks(sorted(alert_ids)):
        query = sa.select(table.c.alert_id, table.c.channel, table.c.revision).where(
            table.c.alert_id.in_(chunk), table.c.state == DeliveryState.SENT
        )
        sent.update((row.alert_id, row.channel, row.revision) for row in connection.execute(query))
    return sent


def find_notified_channels(connection: sa.Connection, alert_id: str) -> frozenset[str]:
    """The channels to which an alert was, or may have been, sent."""
    table = tables.deliveries
    query = sa.select(table.c.channel).where(
        table.c.alert_id == alert_id, table.c.attempts > 0, table.c.state != DeliveryState.REJECTED
    )
    return frozenset(row.channel for row in connection.execute(query))


def has_told_earlier(connection: sa.Connection, delivery: Delivery) -> bool:
    """Whether its channel has, or may have, an earlier revision of the alert that it tells."""
    table = tables.deliveries
    never_left = (DeliveryState.REJECTED, DeliveryState.SUPERSEDED)
    query = sa.select(table.c.key).where(
        table.c.alert_id == delivery.alert_id,
        table.c.channel == delivery.channel,
        table.c.revision < delivery.revision,
        sa.or_(
            table.c.state == DeliveryState.SENT,
            sa.and_(table.c.attempts > 0, table.c.state.not_in(never_left)),
        ),
    )
    return connection.execute(query.limit(1)).first() is not None


def cancel_unseen_deliveries(connection: sa.Connection, alert_id: str, *, now: datetime) -> None:
    """Supersede the deliveries of an alert to channels to which it was not sent yet."""
    table = tables.deliveries
    notified = find_notified_channels(connection, alert_id)
    _supersede_deliveries(
        connection,
        table.c.alert_id == alert_id,
        table.c.channel.not_in(notified),
        sa.or_(_is_untried(), table.c.state == DeliveryState.REJECTED),
        now=now,
    )


def release_leases(connection: sa.Connection) -> None:
    """Make all leased messages due again; no holder of a lease may be alive."""
    table = tables.deliveries
    connection.execute(
        sa.update(table)
        .where(table.c.state == DeliveryState.LEASED)
        .values(state=DeliveryState.READY, leased_until=None)
    )


def mark_sent(
    connection: sa.Connection, key: str, *, reference: str, refusals: str = "", now: datetime
) -> None:
    """Record that the receiver has it, and what it tells if it is a digest.

    `refusals` is kept as the reason: for whom it was refused beside those who have it.
    """
    table = tables.deliveries
    values = {
        "state": DeliveryState.SENT,
        "reference": reference,
        "reason": refusals,
        "finished": now,
        "served": [],
    }
    _update_delivery(connection, key, **values)
    connection.execute(
        sa.update(table)
        .where(table.c.digest == key, table.c.state == DeliveryState.DIGESTED)
        .values(**values)
    )


def mark_rejected(
    connection: sa.Connection, key: str, *, reason: str, due: datetime, now: datetime
) -> None:
    """Record that the receiver refused it, and make it due again then."""
    _update_delivery(
        connection,
        key,
        state=DeliveryState.REJECTED,
        refusals=tables.deliveries.c.refusals + 1,
        reason=reason,
        due=due,
        finished=now,
    )


def mark_superseded(connection: sa.Connection, key: str, *, reason: str, now: datetime) -> None:
    """Record that there is nothing to tell by it any more."""
    _update_delivery(
        connection, key, state=DeliveryState.SUPERSEDED, reason=reason, finished=now, served=[]
    )


def postpone_delivery(
    connection: sa.Connection,
    key: str,
    *,
    reason: str,
    due: datetime,
    served_recipients: Iterable[str] = (),
) -> None:
    """Record that it was not taken, or by these recipients alone, and make it due again then."""
    served = sorted(served_recipients)
    _update_delivery(
        connection, key, state=DeliveryState.READY, reason=reason, due=due, served=served
    )


def expedite_deliveries(
    connection: sa.Connection, channel: str, *, keys: Iterable[str] | None = None, now: datetime
) -> int:
    """Make due at once what was tried in vain on a channel: all of it, or those with these keys.

    Returns how many there are.
    """
    table = tables.deliveries
    conditions = [
        table.c.channel == channel,
        table.c.state.in_((DeliveryState.READY, DeliveryState.REJECTED)),
        table.c.attempts > 0,
    ]
    if keys is not None:
        conditions.append(table.c.key.in_(tuple(keys)))
    return connection.execute(sa.update(table).where(*conditions).values(due=now)).rowcount


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
        .where(table.c.state.in_(list(DeliveryState)))  # what is damaged is none of them
        .group_by(table.c.channel, table.c.state)
        .order_by(table.c.channel, table.c.state)
    )
    return [QueueStats(**row._asdict()) for row in connection.execute(query)]


def _build_row(alert: Alert, channel: str, *, now: datetime) -> dict[str, object]:
    return {
        "key": f"{alert.id}.{alert.revision}.{channel}",
        "alert_id": alert.id,
        "channel": channel,
        "revision": alert.revision,
        "severity": alert.severity,
        "state": DeliveryState.READY,
        "attempts": 0,
        "due": now,
        "created": now,
    }


def _supersede_earlier(
    connection: sa.Connection, alert_id: str, channel: str, *, now: datetime
) -> None:
    """Supersede what the receiver does not have of an alert.

    What is in a digest on its way stays in it: it may be arriving.
    """
    table = tables.deliveries
    digest = table.alias("digests")
    leaving = sa.select(digest.c.key).where(
        digest.c.channel == channel,
        digest.c.alert_id.is_(None),
        digest.c.state == DeliveryState.LEASED,
    )
    _supersede_deliveries(
        connection,
        table.c.alert_id == alert_id,
        table.c.channel == channel,
        sa.or_(
            _is_untried(),
            table.c.state == DeliveryState.REJECTED,
            sa.and_(table.c.state == DeliveryState.DIGESTED, table.c.digest.not_in(leaving)),
        ),
        now=now,
    )


def _is_untried() -> sa.ColumnElement[bool]:
    table = tables.deliveries
    return sa.and_(table.c.state == DeliveryState.READY, table.c.attempts == 0)


def _supersede_deliveries(
    connection: sa.Connection, *conditions: sa.ColumnElement[bool], now: datetime
) -> None:
    connection.execute(
        sa.update(tables.deliveries)
        .where(*conditions)
        .values(state=DeliveryState.SUPERSEDED, finished=now, served=[])
    )


def _update_delivery(connection: sa.Connection, key: str, **values: object) -> None:
    table = tables.deliveries
    connection.execute(
        sa.update(table).where(table.c.key == key).values(leased_until=None, **values)
    )
