"""The outbox, message by message, for people; and what they make due."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa

from collector.model import DeliveryState, Severity
from collector.store import tables
from collector.store.channel_status import read_channel_status, save_channel_status
from collector.store.sound_rows import read_sound_rows

WAITING_STATES = (
    DeliveryState.READY,
    DeliveryState.LEASED,
    DeliveryState.DIGESTED,
    DeliveryState.REJECTED,
)
"""The states of messages that have not arrived and are to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxEntry:
    """One message of the outbox.

    Attributes:
        alert_id, org, title: of the alert that it tells; None for a digest.
        due: not tried before then.
        finished: when it arrived, was refused the last time, or superseded; None before.
        digest: the key of the digest that it leaves with; empty for one that leaves alone.
        instead_of: the channel in whose place it is sent; empty for most.
    """

    key: str
    channel: str
    severity: Severity
    state: DeliveryState
    attempts: int
    created: datetime
    due: datetime
    finished: datetime | None
    reason: str
    digest: str
    instead_of: str
    alert_id: str | None
    org: str | None
    title: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeDue:
    """How many messages of a channel were made due, and how many a storm may keep back."""

    total: int
    digestible: int


def list_outbox_entries(
    connection: sa.Connection,
    *,
    channel: str | None = None,
    states: Collection[DeliveryState] = WAITING_STATES,
    digest: str | None = None,
    limit: int | None = None,
) -> list[OutboxEntry]:
    """Messages in these states, on one channel or of one digest if given, in order of leaving."""
    table, alerts = tables.deliveries, tables.alerts
    names = (
        *("key", "channel", "severity", "state", "attempts", "created", "due", "finished"),
        *("reason", "digest", "instead_of", "alert_id"),
    )
    query = (
        sa.select(*(table.c[name] for name in names), alerts.c.org, alerts.c.title)
        .outerjoin(alerts, alerts.c.id == table.c.alert_id)
        .where(table.c.state.in_(states))
        .order_by(table.c.channel, table.c.severity.desc(), table.c.created, table.c.key)
        .limit(limit)
    )
    if channel is not None:
        query = query.where(table.c.channel == channel)
    if digest is not None:
        query = query.where(table.c.digest == digest)
    return read_sound_rows(connection, table, query, lambda row: OutboxEntry(**row._asdict()))


def make_deliveries_due(
    connection: sa.Connection,
    *,
    channel: str | None = None,
    key_prefixes: Sequence[str] = (),
    now: datetime,
) -> dict[str, MadeDue]:
    """Make what waits due at once: all of it, on a channel, or with keys that begin so.

    Returns how many messages on each channel; these channels are held no longer.
    """
    table = tables.deliveries
    conditions: list[sa.ColumnElement[bool]] = [
        table.c.state.in_((DeliveryState.READY, DeliveryState.REJECTED))
    ]
    if channel is not None:
        conditions.append(table.c.channel == channel)
    if key_prefixes:
        conditions.append(
            sa.or_(*(table.c.key.startswith(prefix, autoescape=True) for prefix in key_prefixes))
        )
    is_digestible = sa.and_(table.c.severity < Severity.CRITICAL, table.c.alert_id.is_not(None))
    query = (
        sa.select(
            table.c.channel,
            sa.func.count().label("total"),
            sa.func.sum(sa.case((is_digestible, 1), else_=0)).label("digestible"),
        )
        .where(*conditions)
        .group_by(table.c.channel)
    )
    counts = {
        row.channel: MadeDue(total=row.total, digestible=int(row.digestible))
        for row in connection.execute(query)
    }
    connection.execute(sa.update(table).where(*conditions).values(due=now))
    for name in counts:
        status = read_channel_status(connection, name)
        save_channel_status(connection, replace(status, held_until=None, failures=0))
    return counts
