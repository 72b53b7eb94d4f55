"""What is told once an older state was put back: nothing twice without a mark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from collector import alerting
from collector.model import Alert
from collector.store import alerts, outbox, recovered_deliveries, restorations
from collector.store.database import Database
from collector.store.delivery_journal import DeliveryJournal, ToldAlert
from collector.store.restorations import Restoration

_SAME_EPISODE = timedelta(0)
"""What is fetched again of a told episode lies within it."""

_JOURNAL_DELAY = timedelta(seconds=5)
"""The journal is written after the outbox: under load this much later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledMessages:
    """How many alerts the journal says more of than the state, and messages marked as repeats."""

    told_since: int = 0
    marked: int = 0


def settle_restored_state(
    connection: sa.Connection, journal: DeliveryJournal, restoration: Restoration
) -> SettledMessages:
    """Let a state that was put back know what was told since it was saved.

    What waits in its outbox, and what the journal does not name, may have been sent.
    """
    restorations.record_restoration(connection, restoration)
    since = restoration.restored - restorations.REPEATING_SPAN
    newer = list(_list_newer_tellings(connection, journal, since=since))
    by_alert: dict[str, list[ToldAlert]] = {}
    for told in newer:
        by_alert.setdefault(told.alert_id, []).append(told)
    known = {alert.id: alert for alert in alerts.read_alerts(connection, by_alert)}
    for alert_id, alert in known.items():
        recovered_deliveries.restore_deliveries(connection, alert, by_alert[alert_id])
    restorations.save_tellings(connection, (one for one in newer if one.alert_id not in known))
    marked = recovered_deliveries.mark_waiting_deliveries(connection)
    return SettledMessages(told_since=len(by_alert), marked=marked)


def notice_older_state(
    database: Database, journal: DeliveryJournal, *, now: datetime
) -> SettledMessages | None:
    """Settle a state that somebody has put back by hand; None for one that knows all of itself.

    It is recognised by the journal, which goes on after the last message of the outbox.
    """
    last = journal.read_last_told_alert()
    if last is None or last.sent < now - restorations.REPEATING_SPAN:
        return None
    with database.read() as connection:
        newest = outbox.find_last_sent(connection)
        if newest is not None and newest >= last.sent - _JOURNAL_DELAY:
            return None
        if last in restorations.list_tellings(connection):
            return None
    with database.begin() as connection:
        restoration = Restoration(restored=now, until=now)
        return settle_restored_state(connection, journal, restoration)


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatGuard:
    """Enqueues alerts in a state that was put back; what was told is by org and rule."""

    restoration: Restoration
    tellings: dict[tuple[str, str], list[ToldAlert]]

    @classmethod
    def read_state(cls, connection: sa.Connection, *, now: datetime) -> RepeatGuard | None:
        """The guard of a state; None where no repeat is to be feared."""
        restoration = restorations.read_last_restoration(connection)
        if restoration is None or now > restoration.restored + restorations.REPEATING_SPAN:
            return None
        tellings: dict[tuple[str, str], list[ToldAlert]] = {}
        for told in restorations.list_tellings(connection):
            tellings.setdefault((told.org, told.rule), []).append(told)
        return cls(restoration=restoration, tellings=tellings)

    def enqueue_alert(
        self, connection: sa.Connection, alert: Alert, channels: Sequence[str], *, now: datetime
    ) -> None:
        """Enqueue an alert as far as it was not told before, marked where it may have been."""
        candidates = self.tellings.get((alert.org, alert.rule), [])
        tellings = [told for told in candidates if told.is_of(alert, margin=_SAME_EPISODE)]
        if tellings:
            for told in tellings:
                candidates.remove(told)
            _continue_told_alert(connection, alert, tellings, channels, now=now)
        elif self.restoration.may_repeat(alert):
            recovered_deliveries.enqueue_repeats(connection, alert, channels, now=now)
        else:
            outbox.enqueue_alert(connection, alert, channels, now=now)


def _continue_told_alert(
    connection: sa.Connection,
    alert: Alert,
    tellings: Sequence[ToldAlert],
    channels: Sequence[str],
    *,
    now: datetime,
) -> None:
    """Go on from what was told: a channel is told of what it does not know."""
    continued = recovered_deliveries.restore_deliveries(connection, alert, tellings)
    restorations.forget_tellings(connection, tellings)
    continued = update_told_channels(connection, continued, tellings, channels, now=now)
    missed = list_missed_channels(tellings, channels)
    recovered_deliveries.enqueue_repeats(connection, continued, missed, now=now)


def update_told_channels(
    connection: sa.Connection,
    alert: Alert,
    tellings: Sequence[ToldAlert],
    channels: Sequence[str],
    *,
    now: datetime,
) -> Alert:
    """The alert, told again to those of the channels that were told less than it says by now."""
    told_channels = {told.channel for told in tellings}
    outdated = [
        channel
        for channel in channels
        if channel in told_channels and _has_grown(alert, tellings, channel)
    ]
    if not outdated:
        return alert
    return recovered_deliveries.enqueue_update(connection, alert, outdated, now=now)


def list_missed_channels(tellings: Sequence[ToldAlert], channels: Sequence[str]) -> list[str]:
    """Those of the channels that were told nothing."""
    told_channels = {told.channel for told in tellings}
    return [channel for channel in channels if channel not in told_channels]


def _has_grown(alert: Alert, tellings: Sequence[ToldAlert], channel: str) -> bool:
    """Whether an alert says more by now than what a channel was told of it."""
    heard = [told for told in tellings if told.channel == channel]
    as_told = replace(
        alert,
        told_severity=max(told.severity for told in heard),
        told_count=max(told.count for told in heard),
    )
    return alerting.needs_notification(as_told)


def _list_newer_tellings(
    connection: sa.Connection, journal: DeliveryJournal, *, since: datetime
) -> Iterable[ToldAlert]:
    """What the journal has since then and the outbox has not as sent."""
    newest = {
        (told.alert_id, told.channel, told.revision): told
        for told in journal.read_told_alerts()
        if told.sent >= since
    }
    known = outbox.list_sent_revisions(connection, {told.alert_id for told in newest.values()})
    return [told for key, told in newest.items() if key not in known]
