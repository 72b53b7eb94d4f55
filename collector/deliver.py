"""The outbox worker: leases what is due on a channel, sends it, records what became of it."""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from datetime import timedelta

from collector import clock
from collector.model import Again, Channel, Delivery, Message, Outcome, Refused, Sent, Unknown
from collector.observe import log
from collector.store import alerts, outbox
from collector.store.database import Database
from collector.text import url_path_id

LEASE = timedelta(minutes=10)
"""Longer than any channel's time-outs add up to, so that nobody else sends meanwhile."""

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0
"""Seconds. There is no giving up: a receiver that comes back gets everything."""


class Deliverer:
    """Sends what is owed to channels. `login_urls` lead by org name to the users in it."""

    def __init__(
        self,
        *,
        database: Database,
        channels: Mapping[str, Channel],
        login_urls: Mapping[str, str],
        stop: threading.Event,
    ) -> None:
        self.channels = channels
        self._database = database
        self._login_urls = login_urls
        self._stop = stop

    def drain(self, channel: str) -> int:
        """Send what is due on a channel, the oldest first. How many messages were taken by it."""
        taken = 0
        while not self._stop.is_set():
            delivery = self._lease(channel)
            if delivery is None:
                break
            outcome = self._send(delivery)
            self._record(delivery, outcome)
            taken += isinstance(outcome, Sent)
        return taken

    def _lease(self, channel: str) -> Delivery | None:
        now = clock.now()
        with self._database.begin() as connection:
            return outbox.lease(connection, channel, now=now, until=now + LEASE)

    def _send(self, delivery: Delivery) -> Outcome:
        with self._database.read() as connection:
            alert = alerts.get(connection, delivery.alert_id)
        if alert is None:
            return Refused(reason="its alert does not exist any more")
        user = url_path_id(alert.entities.get("user_id", ""))
        login_url = self._login_urls.get(alert.org)
        message = Message(
            key=delivery.key,
            alert=alert,
            update=delivery.revision > 1,
            attempt=delivery.attempts,
            user_url=f"{login_url}/{user}" if user and login_url else None,
        )
        return self.channels[delivery.channel].send(message)

    def _record(self, delivery: Delivery, outcome: Outcome) -> None:
        now = clock.now()
        with self._database.begin() as connection:
            match outcome:
                case Sent(reference=reference):
                    outbox.sent(connection, delivery.key, reference=reference, now=now)
                case Refused(reason=reason):
                    outbox.refused(connection, delivery.key, reason=reason, now=now)
                case Again(reason=reason, after=after):
                    pause = timedelta(seconds=_pause(delivery.attempts, after))
                    outbox.postpone(connection, delivery.key, reason=reason, due=now + pause)
                    if after is not None:
                        outbox.hold(connection, delivery.channel, until=now + pause)
                case Unknown(reason=reason):
                    pause = timedelta(seconds=_pause(delivery.attempts, None))
                    outbox.postpone(connection, delivery.key, reason=reason, due=now + pause)
        _tell(delivery, outcome)


def _pause(attempts: int, after: float | None) -> float:
    """Seconds until the next attempt: what the receiver asked for, else doubling with jitter."""
    if after is not None:
        return after
    longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(attempts - 1, 16))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret


def _tell(delivery: Delivery, outcome: Outcome) -> None:
    if isinstance(outcome, Sent):
        log.info("delivery_sent", key=delivery.key, attempt=delivery.attempts)
    else:
        log.warning(
            "delivery_not_taken",
            key=delivery.key,
            attempt=delivery.attempts,
            outcome=type(outcome).__name__.lower(),
            reason=outcome.reason,
        )
