"""An outbox with real receivers of webhooks, a worker that delivers to them, and its clock."""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager

import sqlalchemy as sa

from collector.channels.registry import build_channel
from collector.channels.slack.settings import SlackSettings
from collector.delivery.fallback import FallbackPlan
from collector.delivery.policy import build_policy
from collector.delivery.worker import DeliveryWorker
from collector.model import Severity
from collector.settings import Secret
from collector.store import alerts, channel_status, event_history, outbox, tables
from fakes.manual_clock import ManualClock
from fakes.model_samples import NOON, build_alert
from fakes.slack import run_slack_receiver


class DeliveryBench:
    """Channels by name, each with a receiver of its own."""

    def __init__(self, database, receivers, *, routes=(), stop=None, **settings):
        self.database = database
        self.receivers = receivers
        self.clock = ManualClock(NOON)
        self.settings = {
            name: SlackSettings(webhook_url=Secret(receiver.url), **settings.get(name, {}))
            for name, receiver in receivers.items()
        }
        self.worker = self.build_worker(routes=routes, stop=stop)

    def build_worker(self, *, routes=(), stop=None):
        """A worker as a start of the daemon makes it."""
        return DeliveryWorker(
            database=self.database,
            channels={name: build_channel(name, each) for name, each in self.settings.items()},
            login_urls={"acme": "https://acme.my.salesforce.com"},
            stop_event=stop or threading.Event(),
            fallback_plan=FallbackPlan(
                routes=routes,
                channels=tuple(self.settings),
                policies={name: build_policy(each) for name, each in self.settings.items()},
            ),
            read_clock=self.clock,
        )

    def enqueue(self, *numbers, channels=("chat",), severity=Severity.LOW, **changes):
        """Alerts with these numbers, a second apart."""
        with self.database.begin() as connection:
            for number in numbers:
                alert = build_alert(
                    id=f"{number:020}", title=f"Alert {number}", severity=severity, **changes
                )
                alerts.save_alerts(connection, [alert], {})
                outbox.enqueue_alert(connection, alert, channels, now=self.clock.now)

    def list_rows(self, **values):
        """The rows of the outbox with these values, by key."""
        query = sa.select(tables.deliveries).order_by(tables.deliveries.c.key)
        for name, value in values.items():
            query = query.where(tables.deliveries.c[name] == value)
        with self.database.read() as connection:
            return connection.execute(query).fetchall()

    def list_deliveries(self, number):
        """What the history says of the messages of an alert."""
        with self.database.read() as connection:
            return event_history.list_deliveries(connection, f"{number:020}")

    def read_status(self, channel="chat"):
        with self.database.read() as connection:
            return channel_status.read_channel_status(connection, channel)

    def list_texts(self, channel="chat"):
        """What each message is announced with, in the order of arrival."""
        return [body["text"] for body in self.receivers[channel].bodies]


@contextmanager
def open_delivery_bench(database, *names, **options):
    """A bench with receivers of these names, or with `chat` alone."""
    with ExitStack() as stack:
        receivers = {name: stack.enter_context(run_slack_receiver()) for name in names or ("chat",)}
        yield DeliveryBench(database, receivers, **options)
