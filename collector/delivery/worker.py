"""The outbox worker: leases what is due on a channel, sends it, records what became of it."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from collector import clock
from collector.delivery.fallback import (
    FallbackPlan,
    list_redirectable_alerts,
    redirect_critical_alerts,
    redirect_removed_channels,
)
from collector.delivery.fingerprint import compute_fingerprint, matches_fingerprint
from collector.delivery.messages import MessageBuilder
from collector.delivery.retry_plan import (
    RetryPlan,
    build_open_status,
    has_recovered,
    plan_retry,
)
from collector.delivery.undelivered import describe_undelivered
from collector.logs import log
from collector.model import (
    Channel,
    Delivery,
    DeliveryOutcome,
    DeliveryRejection,
    DeliverySuccess,
    IndeterminateDelivery,
    RetryLater,
)
from collector.store import alerts, delivery_leases, outbox, redirections
from collector.store.channel_status import (
    ChannelStatus,
    read_channel_status,
    save_channel_status,
)
from collector.store.database import Database
from collector.store.delivery_journal import DeliveryJournal

LEASE_DURATION = timedelta(minutes=10)
"""Longer than any channel's time-outs add up to, so that nobody else sends meanwhile."""

_OUTCOME_NAMES: Mapping[type[DeliveryOutcome], str] = {
    RetryLater: "again",
    DeliveryRejection: "refused",
    IndeterminateDelivery: "unknown",
}
"""Their names in the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _DrainResult:
    """How many messages a channel took, and how many were left to other channels."""

    sent_count: int
    redirected_count: int


class DeliveryWorker:
    """Sends the messages of the outbox. `login_urls` are by org name.

    What was taken is also written into the `journal`.
    """

    def __init__(
        self,
        *,
        database: Database,
        channels: Mapping[str, Channel],
        login_urls: Mapping[str, str],
        stop_event: threading.Event,
        fallback_plan: FallbackPlan | None = None,
        journal: DeliveryJournal | None = None,
        read_clock: Callable[[], datetime] = clock.now,
    ) -> None:
        self.channels = channels
        self._journal = journal
        self._database = database
        self._plan = fallback_plan or FallbackPlan(channels=tuple(channels))
        self._message_builder = MessageBuilder(login_urls=login_urls)
        self._stop_event = stop_event
        self._read_clock = read_clock

    def notice_changed_settings(self) -> list[str]:
        """Make due at once what waits on channels whose settings have changed; returns their names.

        What was refused, or failed, by the settings of before may be taken by these.
        """
        return [name for name in self.channels if self._notice_changed_channel(name)]

    def redirect_removed_channels(self) -> int:
        """Leave what is grave on channels that are not configured any more to those that are.

        Returns how many messages were enqueued.
        """
        with self._database.begin() as connection:
            return redirect_removed_channels(connection, self._plan, now=self._read_clock())

    def drain_channels(self) -> int:
        """Send what is due on all channels, what one leaves to another included.

        Returns how many messages were taken.
        """
        total = 0
        while True:
            results = [self._work_on_channel(name) for name in self.channels]
            total += sum(result.sent_count for result in results)
            if not any(result.sent_count or result.redirected_count for result in results):
                return total

    def drain_channel(self, channel: str) -> int:
        """Send what is due on a channel, the gravest first. Returns how many messages it took."""
        return self._work_on_channel(channel).sent_count

    def _work_on_channel(self, channel: str) -> _DrainResult:
        sent_count = 0
        while not self._stop_event.is_set():
            delivery = self._lease_delivery(channel)
            if delivery is None:
                break
            outcome = self._send_delivery(delivery)
            if outcome is not None:
                self._record_outcome(delivery, outcome)
            if isinstance(outcome, DeliverySuccess):
                self._write_journal(delivery, outcome)
                sent_count += 1
        return _DrainResult(sent_count=sent_count, redirected_count=self._redirect_alerts(channel))

    def list_undelivered(self) -> list[str]:
        """Sentences on what has not arrived and why; none where all has, or waits for a digest."""
        with self._database.read() as connection:
            return list(describe_undelivered(connection, self._plan, now=self._read_clock()))

    def _redirect_alerts(self, channel: str) -> int:
        now = self._read_clock()
        with self._database.read() as connection:
            if not list_redirectable_alerts(connection, channel, self._plan, now=now):
                return 0
        with self._database.begin() as connection:
            return redirect_critical_alerts(connection, channel, self._plan, now=now)

    def _notice_changed_channel(self, channel: str) -> bool:
        settings_text = self._plan.get_policy(channel).settings_text
        with self._database.read() as connection:
            status = read_channel_status(connection, channel)
        if matches_fingerprint(settings_text, status.fingerprint):
            return False
        fingerprint = compute_fingerprint(settings_text)
        with self._database.begin() as connection:
            changed = ChannelStatus(channel=channel, fingerprint=fingerprint)
            save_channel_status(connection, changed)
            redirections.forget_redirections(connection, channel)
            count = outbox.expedite_deliveries(connection, channel, now=self._read_clock())
        if count:
            log.info("channel_settings_changed", channel=channel, messages=count)
        return True

    def _lease_delivery(self, channel: str) -> Delivery | None:
        now = self._read_clock()
        with self._database.begin() as connection:
            return delivery_leases.lease_delivery(
                connection,
                channel,
                now=now,
                until=now + LEASE_DURATION,
                limit=self._plan.get_policy(channel).limit,
            )

    def _send_delivery(self, delivery: Delivery) -> DeliveryOutcome | None:
        """The outcome; None where there is nothing to tell by it any more."""
        limit = self._plan.get_policy(delivery.channel).limit
        with self._database.read() as connection:
            message = self._message_builder.build_message(connection, delivery, limit)
        if message is not None:
            return self.channels[delivery.channel].send(message)
        with self._database.begin() as connection:
            reason = "what it was about is gone"
            outbox.mark_superseded(connection, delivery.key, reason=reason, now=self._read_clock())
        return None

    def _write_journal(self, delivery: Delivery, success: DeliverySuccess) -> None:
        """Write down what was told where it outlives the database; the outbox has it already."""
        if self._journal is None:
            return
        with self._database.read() as connection:
            alert_ids = outbox.list_told_alert_ids(connection, delivery)
            told_alerts = list(alerts.read_alerts(connection, alert_ids))
        try:
            self._journal.append_delivery(
                told_alerts, delivery, reference=success.reference, sent=self._read_clock()
            )
        except OSError as error:
            log.warning("journal_not_written", reason=str(error))

    def _record_outcome(self, delivery: Delivery, outcome: DeliveryOutcome) -> None:
        now = self._read_clock()
        if isinstance(outcome, DeliverySuccess):
            with self._database.begin() as connection:
                count = _record_success(connection, delivery, outcome, now=now)
            log.info("delivery_sent", key=delivery.key, attempt=delivery.attempts)
            if outcome.refusals:
                log.warning("delivery_partly_refused", key=delivery.key, reason=outcome.refusals)
            if count:
                log.info("channel_recovered", channel=delivery.channel, messages=count)
            return
        with self._database.begin() as connection:
            plan = _record_failure(connection, delivery, outcome, now=now)
        log.warning(
            "delivery_not_taken",
            key=delivery.key,
            attempt=delivery.attempts,
            outcome=_OUTCOME_NAMES[type(outcome)],
            reason=outcome.reason,
            channel_state=plan.status.state,
            next_attempt=plan.due.isoformat(timespec="seconds"),
        )


def _record_success(
    connection: sa.Connection, delivery: Delivery, outcome: DeliverySuccess, *, now: datetime
) -> int:
    """Record it; returns how many messages are due again as the channel has recovered."""
    outbox.mark_sent(
        connection,
        delivery.key,
        reference=outcome.reference,
        refusals=outcome.refusals,
        now=now,
    )
    status = read_channel_status(connection, delivery.channel)
    if status != build_open_status(status):
        save_channel_status(connection, build_open_status(status))
    if not has_recovered(status, now=now):
        return 0
    return outbox.expedite_deliveries(connection, delivery.channel, now=now)


def _list_served(delivery: Delivery, outcome: RetryLater | IndeterminateDelivery) -> frozenset[str]:
    newly_served = outcome.served_recipients if isinstance(outcome, RetryLater) else frozenset()
    return delivery.served_recipients | newly_served


def _record_failure(
    connection: sa.Connection,
    delivery: Delivery,
    outcome: RetryLater | DeliveryRejection | IndeterminateDelivery,
    *,
    now: datetime,
) -> RetryPlan:
    status = read_channel_status(connection, delivery.channel)
    jitter = random.uniform(0.5, 1.0)  # noqa: S311 - not a secret
    plan = plan_retry(delivery, status, outcome, jitter=jitter, now=now)
    if isinstance(outcome, DeliveryRejection):
        outbox.mark_rejected(connection, delivery.key, reason=outcome.reason, due=plan.due, now=now)
    else:
        outbox.postpone_delivery(
            connection,
            delivery.key,
            reason=outcome.reason,
            due=plan.due,
            served_recipients=_list_served(delivery, outcome),
        )
    save_channel_status(connection, plan.status)
    return plan
