"""The state transaction: ledger, alerts, deliveries and cursor move together or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby

import sqlalchemy as sa

from collector import alerting
from collector.model import Alert, ArchiveFile, Batch, Match, Route, Rule
from collector.store import alerts as alert_store
from collector.store import coverage, inventory, ledger, outbox


def commit(
    connection: sa.Connection,
    batch: Batch,
    entry: ledger.Entry,
    files: Sequence[ArchiveFile],
    changes: Iterable[alerting.Folded],
    *,
    routes: Sequence[Route],
    channels: Sequence[str],
    now: datetime,
) -> list[Alert]:
    """Write all that a batch has brought. Returns the alerts that have something new to tell."""
    ledger.record(connection, batch, entry, files)
    told: list[Alert] = []
    for change in changes:
        alert_store.save(connection, change.alerts, change.joined)
        told.extend(alert for alert in change.alerts if alert.id in change.tell)
    for alert in told:
        outbox.owe(connection, alert, alerting.channels_for(alert, routes, channels), now=now)
    advance(connection, batch)
    return told


def advance(connection: sa.Connection, batch: Batch) -> None:
    """Count the batch's window as read, and move on."""
    coverage.cover(connection, batch)
    move(connection, batch)


def move(connection: sa.Connection, batch: Batch) -> None:
    """Move the stream's cursor to where the batch says, and remember what it says to remember."""
    if batch.cursor is not None:
        ledger.move_cursor(connection, batch.stream, batch.cursor)
    inventory.remember(connection, batch)


def fold(
    connection: sa.Connection,
    rules: Mapping[str, Rule],
    matches: Iterable[Match],
    *,
    now: datetime,
) -> list[alerting.Folded]:
    """Let the matches open, extend or worsen the stored episodes of their keys."""
    ordered = sorted(matches, key=_episode)
    return [
        _fold_key(connection, rules[rule], list(group), now=now)
        for (_, rule, _), group in groupby(ordered, key=_episode)
    ]


def _fold_key(
    connection: sa.Connection, rule: Rule, group: list[Match], *, now: datetime
) -> alerting.Folded:
    org, key = group[0].org, group[0].key
    times = [match.time for match in group]
    owners = alert_store.owners(
        connection, org=org, rule=rule.name, event_uids=[match.event_uid for match in group]
    )
    known = alert_store.near(
        connection,
        org=org,
        rule=rule.name,
        key=key,
        between=(min(times) - rule.dedup_window, max(times) + rule.dedup_window),
    )
    return alerting.fold(rule, group, known=known, owners=owners, now=now)


def _episode(match: Match) -> tuple[str, str, tuple[str, ...]]:
    return match.org, match.rule, match.key
