"""Leases of messages: which one leaves next on a channel, sent by nobody else meanwhile."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from collector.model import Delivery, DeliveryState, Severity, StormLimit
from collector.store import storms, tables
from collector.store.channel_status import ChannelStatus, read_channel_status
from collector.store.storms import StormVerdict

DEFAULT_LIMIT = StormLimit()


def lease_delivery(
    connection: sa.Connection,
    channel: str,
    *,
    now: datetime,
    until: datetime,
    limit: StormLimit = DEFAULT_LIMIT,
) -> Delivery | None:
    """Lease the next message due on a channel until then; None where none may leave now.

    The critical ones come first, then by severity, then the oldest; below critical a storm may turn
    all that waits into a digest. On a channel that does not take messages, what was not tried since
    comes first, so that a few messages that are never taken cannot stop all others. A message whose
    lease ran out (its holder died) is due again; that attempt counts. Nothing is due while the
    channel is held.
    """
    status = read_channel_status(connection, channel)
    if status.held_until is not None and status.held_until > now:
        return None
    table = tables.deliveries
    row = _find_due_row(connection, status, now=now)
    if row is not None and row.alert_id is not None and row.severity < Severity.CRITICAL:
        verdict = storms.judge_storm(connection, channel, limit, now=now)
        if verdict == StormVerdict.DIGEST:
            key = storms.compose_digest(connection, channel, limit, now=now)
            row = connection.execute(sa.select(table).where(table.c.key == key)).first()
        elif verdict == StormVerdict.WAIT:
            goes_on = sa.or_(table.c.severity == Severity.CRITICAL, table.c.alert_id.is_(None))
            row = _find_due_row(connection, status, goes_on, now=now)
    return None if row is None else _lease_row(connection, row, now=now, until=until)


def _find_due_row(
    connection: sa.Connection,
    status: ChannelStatus,
    *conditions: sa.ColumnElement[bool],
    now: datetime,
) -> sa.Row[Any] | None:
    table = tables.deliveries
    is_waiting = table.c.state.in_((DeliveryState.READY, DeliveryState.REJECTED))
    is_abandoned = table.c.state == DeliveryState.LEASED
    query = (
        sa.select(table)
        .where(
            table.c.channel == status.channel,
            sa.or_(
                sa.and_(is_waiting, table.c.due <= now),
                sa.and_(is_abandoned, table.c.leased_until <= now),
            ),
            *conditions,
        )
        .order_by(
            *([] if status.since is None else [_rank_attempt(status.since)]),
            sa.case((table.c.severity == Severity.CRITICAL, 0), else_=1),
            sa.case((table.c.alert_id.is_(None), 0), else_=1),
            table.c.severity.desc(),
            table.c.created,
            table.c.key,
        )
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    return connection.execute(query).first()


def _rank_attempt(since: datetime) -> sa.ColumnElement[int]:
    """The time of the last attempt where that is later, else one for all."""
    attempted = tables.deliveries.c.attempted
    return sa.case((attempted >= since, attempted), else_=sa.null()).asc().nulls_first()


def _lease_row(
    connection: sa.Connection, row: sa.Row[Any], *, now: datetime, until: datetime
) -> Delivery:
    table = tables.deliveries
    connection.execute(
        sa.update(table)
        .where(table.c.key == row.key)
        .values(
            state=DeliveryState.LEASED,
            leased_until=until,
            attempts=row.attempts + 1,
            attempted=now,
        )
    )
    return Delivery(
        key=row.key,
        alert_id=row.alert_id,
        channel=row.channel,
        revision=row.revision,
        severity=row.severity,
        attempts=row.attempts + 1,
        refusals=row.refusals,
        storm=row.storm,
        instead_of=row.instead_of,
    )
