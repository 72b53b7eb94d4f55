"""Decides what is told of the alerts that were found again after the state was lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from collector import alerting
from collector.ingest.notifications import Audience
from collector.model import Rule
from collector.store import recovered_deliveries
from collector.store.database import Database
from collector.store.delivery_journal import ToldAlert

REPEATED_SPAN = timedelta(days=1)
"""Alerts whose last event is older are not told again, whether they were told or not."""


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
            channels = alerting.select_channels(alert, audience.routes, audience.channels)
            if tellings:
                recovered_deliveries.restore_deliveries(connection, alert, tellings)
                told_before += 1
            elif alert.last_time >= now - REPEATED_SPAN:
                recovered_deliveries.enqueue_repeats(connection, alert, channels, now=now)
                repeated += 1
            else:
                recovered_deliveries.record_silence(connection, alert, channels, now=now)
                quiet += 1
    return FoundAlerts(told_before=told_before, repeated=repeated, quiet=quiet)
