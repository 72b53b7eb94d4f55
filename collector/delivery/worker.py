"""The outbox worker: leases what is due on a channel, sends it, records what became of it."""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from datetime import timedelta

from collector import clock
from collector.escaping import check_record_id
from collector.logs import log
from collector.model import (
    Channel,
    Delivery,
    DeliveryOutcome,
    DeliveryRejection,
    DeliverySuccess,
    IndeterminateDelivery,
    Message,
    RetryLater,
)
from collector.store import alerts, outbox
from collector.store.database import Database
from collector.store.delivery_journal import DeliveryJournal

LEASE_DURATION = timedelta(minutes=10)
"""Longer than any channel's time-outs add up to, so that nobody else sends meanwhile."""

FIRST_RETRY_SECONDS, MAX_RETRY_SECONDS = 1.0, 300.0
"""Seconds. There is no giving up: a receiver that comes back gets everything."""

_OUTCOME_NAMES: Mapping[type[DeliveryOutcome], str] = {
    RetryLater: "again",
    DeliveryRejection: "refused",
    IndeterminateDelivery: "unknown",
}
"""Their names in the log."""


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
        journal: DeliveryJournal | None = None,
    ) -> None:
        self.channels = channels
        self._journal = journal
        self._database = database
        self._login_urls = login_urls
        self._stop_event = stop_event

    def drain_channel(self, channel: str) -> int:
        """Send what is due on a channel, the oldest first. Returns how many messages it took."""
        sent_count = 0
        while not self._stop_event.is_set():
            delivery = self._lease_delivery(channel)
            if delivery is None:
                break
            outcome = self._send_delivery(delivery)
            self._record_outcome(delivery, outcome)
            if isinstance(outcome, DeliverySuccess):
                self._write_journal(delivery, outcome)
            sent_count += isinstance(outcome, DeliverySuccess)
        return sent_count

    def _lease_delivery(self, channel: str) -> Delivery | None:
        now = clock.now()
        with self._database.begin() as connection:
            return outbox.lease_delivery(connection, channel, now=now, until=now + LEASE_DURATION)

    def _send_delivery(self, delivery: Delivery) -> DeliveryOutcome:
        with self._database.read() as connection:
            alert = alerts.find_alert(connection, delivery.alert_id)
        if alert is None:
            return DeliveryRejection(reason="its alert does not exist any more")
        user_id = check_record_id(alert.entities.get("user_id", ""))
        login_url = self._login_urls.get(alert.org)
        message = Message(
            key=delivery.key,
            alert=alert,
            is_update=delivery.revision > 1,
            attempt=delivery.attempts,
            user_url=f"{login_url}/{user_id}" if user_id and login_url else None,
        )
        return self.channels[delivery.channel].send(message)

    def _write_journal(self, delivery: Delivery, success: DeliverySuccess) -> None:
        """Write down what was told where it outlives the database; the outbox has it already."""
        with self._database.read() as connection:
            alert = alerts.find_alert(connection, delivery.alert_id)
        if self._journal is None or alert is None:
            return
        try:
            self._journal.append_delivery(
                alert, delivery, reference=success.reference, sent=clock.now()
            )
        except OSError as error:
            log.warning("journal_not_written", reason=str(error))

    def _record_outcome(self, delivery: Delivery, outcome: DeliveryOutcome) -> None:
        now = clock.now()
        with self._database.begin() as connection:
            match outcome:
                case DeliverySuccess(reference=reference):
                    outbox.mark_sent(connection, delivery.key, reference=reference, now=now)
                case DeliveryRejection(reason=reason):
                    outbox.mark_rejected(connection, delivery.key, reason=reason, now=now)
                case RetryLater(reason=reason) | IndeterminateDelivery(reason=reason):
                    retry_after = outcome.retry_after if isinstance(outcome, RetryLater) else None
                    due = now + timedelta(seconds=_compute_pause(delivery.attempts, retry_after))
                    outbox.postpone_delivery(connection, delivery.key, reason=reason, due=due)
                    if retry_after is not None:
                        outbox.pause_channel(connection, delivery.channel, until=due)
        _log_outcome(delivery, outcome)


def _compute_pause(attempts: int, retry_after: float | None) -> float:
    """Seconds until the next attempt: what the receiver asked for, else doubling with jitter."""
    if retry_after is not None:
        return retry_after
    max_pause = min(MAX_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2.0 ** min(attempts - 1, 16))
    return max_pause * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret


def _log_outcome(delivery: Delivery, outcome: DeliveryOutcome) -> None:
    if isinstance(outcome, DeliverySuccess):
        log.info("delivery_sent", key=delivery.key, attempt=delivery.attempts)
    else:
        log.warning(
            "delivery_not_taken",
            key=delivery.key,
            attempt=delivery.attempts,
            outcome=_OUTCOME_NAMES[type(outcome)],
            reason=outcome.reason,
        )
