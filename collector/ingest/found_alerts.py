"""Decides what is told of the alerts that were found again after the state was lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from collector import alerting
from collector.ingest.notifications import Audience
from collector.ingest.repeated_alerts import list_missed_channels, update_told_channels
from collector.model import Alert, AlertStatus, Rule, Severity
from collector.store import recovered_deliveries
from collector.store.database import Database
from collector.store.delivery_journal import ToldAlert

REPEATED_SPAN = timedelta(days=1)
"""What is older is not told again where nothing says that it was told, but for what is critical and
missing in a journal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundAlerts:
    """How many alerts were found again: told before, told now as possible repeats, not told."""

    told_before: int = 0
    repeated: int = 0
    quiet: int = 0


def settle_found_alerts(
    database: Database,
    told_alerts: Iterable[ToldAlert],
    *,
    rules: Mapping[str, Rule],
    audience: Audience,
    since: datetime,
    now: datetime,
) -> FoundAlerts:
    """Record of each alert whether it was told; enqueue what is recent and nobody knows of.

    `since` is when finding them began: alerts that were there before are left as they are.
    """
    by_rule: dict[tuple[str, str], list[ToldAlert]] = {}
    for told in told_alerts:
        by_rule.setdefault((told.org, told.rule), []).append(told)
    told_before = repeated = quiet = 0
    with database.begin() as connection:
        for alert in recovered_deliveries.list_found_alerts(connection, since=since):
            margin = rules[alert.rule].dedup_window
            candidates = by_rule.get((alert.org, alert.rule), [])
            tellings = [one for one in candidates if one.is_of(alert, margin=margin)]
            channels = alerting.select_channels(
                alert,
                audience.routes,
                audience.channels,
                least=rules[alert.rule].notified_severity,
            )
            if tellings:
                _continue_telling(connection, alert, tellings, channels, now=now)
                told_before += 1
            elif _is_repeated(alert, has_journal=bool(by_rule), now=now):
                recovered_deliveries.enqueue_repeats(connection, alert, channels, now=now)
                repeated += 1
            else:
                recovered_deliveries.record_silence(connection, alert, channels, now=now)
                quiet += 1
    return FoundAlerts(told_before=told_before, repeated=repeated, quiet=quiet)


def _is_repeated(alert: Alert, *, has_journal: bool, now: datetime) -> bool:
    """Whether an alert is told that may have been told before.

    What a journal does not name was most likely not told: when its newest event was received counts
    then, not when that happened, and what is critical is told in any case.
    """
    if not has_journal or alert.status != AlertStatus.OPEN:
        return alert.last_time >= now - REPEATED_SPAN
    received = alert.last_time + timedelta(seconds=alert.late_seconds)
    return alert.severity >= Severity.CRITICAL or received >= now - REPEATED_SPAN


def _continue_telling(
    connection: sa.Connection,
    alert: Alert,
    tellings: Sequence[ToldAlert],
    channels: Sequence[str],
    *,
    now: datetime,
) -> None:
    """Restore what was told; enqueue what a channel was not told of it, or may not have been."""
    continued = recovered_deliveries.restore_deliveries(connection, alert, tellings)
    if continued.status != AlertStatus.OPEN:
        return
    continued = update_told_channels(connection, continued, tellings, channels, now=now)
    if _is_repeated(continued, has_journal=True, now=now):
        missed = list_missed_channels(tellings, channels)
        recovered_deliveries.enqueue_repeats(connection, continued, missed, now=now)
