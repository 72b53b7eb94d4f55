"""Enqueues messages about changed alerts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from collector import alerting
from collector.ingest.repeated_alerts import RepeatGuard
from collector.model import Alert, Route
from collector.store import outbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """Where alerts can be sent: the routes, and all channels that there are."""

    routes: Sequence[Route] = ()
    channels: Sequence[str] = ()


def enqueue_alerts(
    connection: sa.Connection,
    changes: Iterable[alerting.EpisodeChanges],
    audience: Audience,
    *,
    now: datetime,
) -> list[Alert]:
    """Put messages about changed alerts into the outbox. Returns these alerts.

    That an alert has ended is sent to those channels alone that had a message of it, also in the
    place of another one. After an older state was put back, what was told before is not told again,
    and what may have been says so.
    """
    notified: list[Alert] = []
    guard = RepeatGuard.read_state(connection, now=now)
    for change in changes:
        for alert in change.alerts:
            channels = alerting.select_channels(
                alert, audience.routes, audience.channels, least=change.notified_severity
            )
            has_ended = alert.id in change.ended_ids
            if has_ended:
                outbox.cancel_unseen_deliveries(connection, alert.id, now=now)
                notified_channels = outbox.find_notified_channels(connection, alert.id)
                channels = tuple(
                    channel
                    for channel in dict.fromkeys((*channels, *audience.channels))
                    if channel in notified_channels
                )
            if alert.id in change.notify_ids and (channels or not has_ended):
                if guard is None:
                    outbox.enqueue_alert(connection, alert, channels, now=now)
                else:
                    guard.enqueue_alert(connection, alert, channels, now=now)
                notified.append(alert)
    return notified
