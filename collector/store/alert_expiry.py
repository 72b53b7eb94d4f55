"""Alerts that are older than they are kept, with their matches and the messages that told them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from collector.model import DeliveryState
from collector.store import tables
from collector.store.chunks import split_chunks
from collector.store.delivery_list import WAITING_STATES

MATCHES_AT_ONCE = 5_000
"""So many matches are deleted in one transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiredAlert:
    """An alert that may go: its events are between two times."""

    id: str
    org: str
    first_time: datetime
    last_time: datetime
    created: datetime


def list_expired_alerts(
    connection: sa.Connection,
    *,
    cutoff: datetime,
    limit: int | None = None,
    after: ExpiredAlert | None = None,
) -> list[ExpiredAlert]:
    """The alerts that were created and had their last event before then, in order of creation.

    Without those that have not arrived on some channel. At most so many, those after that one.
    """
    table, deliveries = tables.alerts, tables.deliveries
    waits = sa.exists().where(
        deliveries.c.alert_id == table.c.id, deliveries.c.state.in_(WAITING_STATES)
    )
    columns = (table.c.id, table.c.org, table.c.first_time, table.c.last_time, table.c.created)
    query = (
        sa.select(*columns)
        .where(table.c.created < cutoff, table.c.last_time < cutoff, ~waits)
        .order_by(table.c.created, table.c.id)
        .limit(limit)
    )
    if after is not None:
        is_later = sa.or_(
            table.c.created > after.created,
            sa.and_(table.c.created == after.created, table.c.id > after.id),
        )
        query = query.where(is_later)
    return [ExpiredAlert(**row._asdict()) for row in connection.execute(query)]


def list_large_alerts(connection: sa.Connection, alert_ids: Sequence[str]) -> list[str]:
    """Those of the alerts that have more than MATCHES_AT_ONCE matches."""
    table = tables.matches
    large: list[str] = []
    for chunk in split_chunks(alert_ids):
        query = (
            sa.select(table.c.alert_id)
            .where(table.c.alert_id.in_(chunk))
            .group_by(table.c.alert_id)
            .having(sa.func.count() > MATCHES_AT_ONCE)
        )
        large += connection.scalars(query)
    return large


def trim_matches(connection: sa.Connection, alert_id: str) -> bool:
    """Delete MATCHES_AT_ONCE of an alert's matches, oldest first; whether there may be more."""
    table = tables.matches
    query = (
        sa.select(table.c.org, table.c.rule, table.c.event_uid)
        .where(table.c.alert_id == alert_id)
        .order_by(table.c.time)
        .limit(MATCHES_AT_ONCE)
    )
    rows = connection.execute(query).all()
    for chunk in split_chunks(rows):
        connection.execute(
            sa.delete(table).where(
                table.c.org == chunk[0].org,
                table.c.rule == chunk[0].rule,
                table.c.event_uid.in_([row.event_uid for row in chunk]),
            )
        )
    return len(rows) == MATCHES_AT_ONCE


def delete_alerts(connection: sa.Connection, alert_ids: Sequence[str]) -> None:
    """Delete alerts with their matches and messages."""
    for chunk in split_chunks(alert_ids):
        for column in (tables.deliveries.c.alert_id, tables.matches.c.alert_id, tables.alerts.c.id):
            connection.execute(sa.delete(column.table).where(column.in_(chunk)))


def delete_empty_digests(connection: sa.Connection, *, cutoff: datetime) -> int:
    """Delete the digests that were finished before then and tell of no alert that is still there.

    Returns how many.
    """
    table = tables.deliveries
    told = table.alias("told")
    statement = sa.delete(table).where(
        table.c.alert_id.is_(None),
        table.c.finished < cutoff,
        table.c.state.in_((DeliveryState.SENT, DeliveryState.SUPERSEDED)),
        ~sa.exists().where(told.c.digest == table.c.key),
    )
    return connection.execute(statement).rowcount
