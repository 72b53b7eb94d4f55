"""Leases of messages: which one leaves next on a channel, sent by nobody else meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
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
    row = _choose_row(connection, status, limit, now=now)
    return None if row is None else _lease_row(connection, row, now=now, until=until)


def _choose_row(
    connection: sa.Connection, status: ChannelStatus, limit: StormLimit, *, now: datetime
) -> sa.Row[Any] | None:
    channel = status.channel
    verdict = storms.judge_storm(connection, channel, limit, now=now)
    if status.since is None:
        row = _find_urgent_row(connection, channel, now=now)
        if row is not None or verdict == StormVerdict.WAIT:
            return row
        row = _find_due_row(connection, channel, _is_digestible(), now=now)
    else:
        rank = _rank_attempt(status.since), *_rank_urgency()
        row = _find_due_row(connection, channel, now=now, ranks=rank)
        if row is not None and verdict == StormVerdict.WAIT and not _is_urgent(row):
            row = _find_urgent_row(connection, channel, now=now)
    if row is None or _is_urgent(row) or verdict == StormVerdict.ALONE:
        return row
    key = storms.compose_digest(connection, channel, limit, now=now)
    return connection.execute(
        sa.select(tables.deliveries).where(tables.deliveries.c.key == key)
    ).first()


def _find_urgent_row(
    connection: sa.Connection, channel: str, *, now: datetime
) -> sa.Row[Any] | None:
    """What no storm keeps back: the critical ones, then digests."""
    table = tables.deliveries
    for condition in (table.c.severity == Severity.CRITICAL, storms.is_digest()):
        row = _find_due_row(connection, channel, condition, now=now)
        if row is not None:
            return row
    return None


def _find_due_row(
    connection: sa.Connection,
    channel: str,
    *conditions: sa.ColumnElement[bool],
    ranks: Sequence[sa.ColumnElement[int]] = (),
    now: datetime,
) -> sa.Row[Any] | None:
    """The first by these ranks, then by severity, of what is due, or whose lease ran out."""
    table = tables.deliveries
    unfinished = (DeliveryState.READY, DeliveryState.REJECTED, DeliveryState.LEASED)
    is_leased = table.c.state == DeliveryState.LEASED
    query = (
        sa.select(table)
        .where(
            table.c.channel == channel,
            table.c.state.in_(unfinished),
            sa.case((is_leased, table.c.leased_until), else_=table.c.due) <= now,
            *conditions,
        )
        .order_by(*ranks, table.c.severity.desc(), table.c.created, table.c.key)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    return connection.execute(query).first()


def _is_digestible() -> sa.ColumnElement[bool]:
    table = tables.deliveries
    return sa.and_(table.c.severity < Severity.CRITICAL, table.c.alert_id.is_not(None))


def _is_urgent(row: sa.Row[Any]) -> bool:
    is_critical: bool = row.severity == Severity.CRITICAL
    return is_critical or row.alert_id is None


def _rank_urgency() -> tuple[sa.ColumnElement[int], ...]:
    table = tables.deliveries
    return (
        sa.case((table.c.severity == Severity.CRITICAL, 0), else_=1),
        sa.case((table.c.alert_id.is_(None), 0), else_=1),
    )


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
        served_recipients=frozenset(row.served),
    )
