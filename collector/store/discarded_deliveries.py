"""Messages that somebody gives up: they are never sent, and the outbox keeps that it was so."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from collector.model import DeliveryState, Severity
from collector.store import tables
from collector.store.delivery_list import WAITING_STATES


def count_discardable(
    connection: sa.Connection, channel: str, *, now: datetime
) -> dict[Severity, int]:
    """How many messages wait on a channel, digests not counted, by severity, the gravest first.

    What is being sent is not among them.
    """
    table = tables.deliveries
    query = (
        sa.select(table.c.severity, sa.func.count().label("messages"))
        .where(*_match_discardable(channel, now=now), table.c.alert_id.is_not(None))
        .group_by(table.c.severity)
        .order_by(table.c.severity.desc())
    )
    return {row.severity: row.messages for row in connection.execute(query)}


def discard_deliveries(
    connection: sa.Connection, channel: str, *, reason: str, now: datetime
) -> int:
    """Supersede what waits on a channel, for that reason.

    Returns how many messages, digests not counted.
    """
    table = tables.deliveries
    count = sum(count_discardable(connection, channel, now=now).values())
    connection.execute(
        sa.update(table)
        .where(*_match_discardable(channel, now=now))
        .values(
            state=DeliveryState.SUPERSEDED,
            leased_until=None,
            reason=reason,
            finished=now,
            served=[],
        )
    )
    return count


def _match_discardable(channel: str, *, now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    """What has not arrived, but for what is being sent, alone or with its digest."""
    table = tables.deliveries
    digest = table.alias("leaving")
    leaving = sa.select(digest.c.key).where(
        digest.c.channel == channel,
        digest.c.state == DeliveryState.LEASED,
        digest.c.leased_until > now,
    )
    return (
        table.c.channel == channel,
        table.c.state.in_(WAITING_STATES),
        table.c.key.not_in(leaving),
        table.c.digest.not_in(leaving),
    )
