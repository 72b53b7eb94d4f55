"""Deliveries of alerts that were found again after the state was lost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from collector.model import Alert, DeliveryState
from collector.store import alerts, outbox, tables
from collector.store.delivery_journal import ToldAlert
from collector.store.upsert import upsert_row

TOLD_REASON = "told before the state was lost"
REPEAT_REASON = "found again after the state was lost: it may have been told before"
QUIET_REASON = "found again after the state was lost, and too old to be told now"


def list_found_alerts(connection: sa.Connection, *, since: datetime) -> list[Alert]:
    """The alerts that were created since then and of which the outbox knows nothing."""
    table = tables.deliveries
    delivered = set(connection.scalars(sa.select(table.c.alert_id).distinct()))
    return [
        alert
        for alert in alerts.list_alerts(connection)
        if alert.created >= since and alert.id not in delivered
    ]


def restore_deliveries(
    connection: sa.Connection, alert: Alert, told_alerts: Sequence[ToldAlert]
) -> Alert:
    """Record that an alert was told: what is told of it next goes on from there.

    Returns the alert as it is stored now.
    """
    revision = max(told.revision for told in told_alerts)
    continued = replace(
        alert,
        revision=revision,
        created=min(told.created for told in told_alerts),
        told_severity=max(told.severity for told in told_alerts),
        told_count=max(told.count for told in told_alerts),
    )
    alerts.save_alerts(connection, [continued], {})
    newest = {told.channel: told for told in sorted(told_alerts, key=lambda told: told.revision)}
    for channel, told in newest.items():
        _insert_delivery(
            connection,
            alert,
            channel,
            revision=told.revision,
            state=DeliveryState.SENT,
            attempts=1,
            reason=TOLD_REASON,
            reference=told.reference,
            now=told.sent,
        )
    return continued


def enqueue_update(
    connection: sa.Connection, alert: Alert, channels: Iterable[str], *, now: datetime
) -> Alert:
    """Enqueue the next revision of a told alert, which says more than what was told.

    Returns the alert as it is stored now.
    """
    updated = replace(
        alert,
        revision=alert.revision + 1,
        told_severity=max(alert.severity, alert.told_severity),
        told_count=max(alert.count, alert.told_count),
    )
    alerts.save_alerts(connection, [updated], {})
    outbox.enqueue_alert(connection, updated, channels, now=now)
    return updated


def enqueue_repeats(
    connection: sa.Connection, alert: Alert, channels: Iterable[str], *, now: datetime
) -> None:
    """Enqueue messages that say of themselves that they may be repeats."""
    for channel in channels:
        _insert_delivery(
            connection,
            alert,
            channel,
            revision=alert.revision,
            state=DeliveryState.READY,
            attempts=1,  # The next attempt is not the first: that marks the message.
            reason=REPEAT_REASON,
            now=now,
        )


def mark_waiting_deliveries(connection: sa.Connection) -> int:
    """Let the next attempt of all that waits say of itself that it may be a repeat.

    Returns how many messages that are.
    """
    table = tables.deliveries
    return connection.execute(
        sa.update(table)
        .where(table.c.state.in_((DeliveryState.READY, DeliveryState.LEASED)))
        .values(
            attempts=sa.case((table.c.attempts == 0, 1), else_=table.c.attempts),
            reason=REPEAT_REASON,
        )
    ).rowcount


def record_silence(
    connection: sa.Connection, alert: Alert, channels: Iterable[str], *, now: datetime
) -> None:
    """Record that an alert is not told, and why."""
    for channel in channels:
        _insert_delivery(
            connection,
            alert,
            channel,
            revision=alert.revision,
            state=DeliveryState.SUPERSEDED,
            attempts=0,
            reason=QUIET_REASON,
            now=now,
        )


def _insert_delivery(
    connection: sa.Connection,
    alert: Alert,
    channel: str,
    *,
    revision: int,
    state: DeliveryState,
    attempts: int,
    reason: str,
    now: datetime,
    reference: str = "",
) -> None:
    upsert_row(
        connection,
        tables.deliveries,
        {
            "key": f"{alert.id}.{revision}.{channel}",
            "alert_id": alert.id,
            "channel": channel,
            "revision": revision,
            "severity": alert.severity,
            "state": state,
            "attempts": attempts,
            "due": now,
            "leased_until": None,
            "reason": reason,
            "reference": reference,
            "digest": "",
            "created": now,
            "finished": None if state == DeliveryState.READY else now,
        },
    )
