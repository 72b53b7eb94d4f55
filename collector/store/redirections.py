"""Critical messages that their channel does not take, and whether another one has them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from collector.model import Alert, DeliveryState, Severity
from collector.store import tables


@dataclass(frozen=True, slots=True, kw_only=True)
class UndeliveredAlert:
    """An alert, critical or high, whose message waits."""

    key: str
    alert_id: str


def list_undelivered_alerts(
    connection: sa.Connection, channel: str, *, only_refused: bool
) -> list[UndeliveredAlert]:
    """Critical messages that wait on a channel and were not redirected yet, the oldest first."""
    table = tables.deliveries
    states = [DeliveryState.REJECTED, *([] if only_refused else [DeliveryState.READY])]
    query = (
        sa.select(table.c.key, table.c.alert_id)
        .where(
            table.c.channel == channel,
            table.c.state.in_(states),
            table.c.severity == Severity.CRITICAL,
            table.c.alert_id.is_not(None),
            table.c.redirected.is_(None),
        )
        .order_by(table.c.created, table.c.key)
    )
    return [UndeliveredAlert(**row._asdict()) for row in connection.execute(query)]


def list_removed_alerts(
    connection: sa.Connection, channels: Collection[str]
) -> list[UndeliveredAlert]:
    """Critical and high messages that wait on other channels than these, the oldest first."""
    table = tables.deliveries
    states = (DeliveryState.READY, DeliveryState.REJECTED, DeliveryState.DIGESTED)
    query = (
        sa.select(table.c.key, table.c.alert_id)
        .where(
            table.c.channel.not_in(tuple(channels)),
            table.c.state.in_(states),
            table.c.severity >= Severity.HIGH,
            table.c.alert_id.is_not(None),
        )
        .order_by(table.c.created, table.c.key)
    )
    return [UndeliveredAlert(**row._asdict()) for row in connection.execute(query)]


def mark_redirected(connection: sa.Connection, key: str, *, now: datetime) -> None:
    """Record that other channels were asked to tell it."""
    table = tables.deliveries
    connection.execute(sa.update(table).where(table.c.key == key).values(redirected=now))


def forget_redirections(connection: sa.Connection, channel: str) -> None:
    """Let the messages that wait on a channel be redirected anew, as its settings have changed."""
    table = tables.deliveries
    connection.execute(
        sa.update(table)
        .where(
            table.c.channel == channel,
            table.c.redirected.is_not(None),
            table.c.state.in_((DeliveryState.READY, DeliveryState.REJECTED)),
        )
        .values(redirected=None)
    )


def find_delivered_channels(connection: sa.Connection, alert: Alert) -> frozenset[str]:
    """The channels that have taken the present revision of an alert."""
    table = tables.deliveries
    query = sa.select(table.c.channel).where(
        table.c.alert_id == alert.id,
        table.c.revision >= alert.revision,
        table.c.state == DeliveryState.SENT,
    )
    return frozenset(connection.scalars(query))
