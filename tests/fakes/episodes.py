"""A state database that takes batches of matches in, as the pipeline does."""

from __future__ import annotations

from datetime import timedelta
from itertools import count

from collector.model import Withdrawn
from collector.pipeline import commit
from collector.store import alerts, ledger
from fakes.nouns import NOON, batch, rule

VISIBLE = (
    *("key", "first_time", "last_time", "count", "severity", "title", "entities", "evidence"),
    *("context", "late_seconds"),
)
"""What an alert says, in whatever order its matches came."""


class Episodes:
    """One rule's alerts in a real database; every batch is taken in a minute after the last."""

    def __init__(self, database, *, org="acme", channels=("chat",), **of_rule):
        self.database = database
        self.org = org
        self.rule = rule(**of_rule)
        self.channels = channels
        self._numbers = count()

    def take(self, *matches, gone=(), reason=""):
        """Take a batch in; what it told."""
        number = next(self._numbers)
        now = NOON + timedelta(days=1, minutes=number)
        withdrawn = Withdrawn(
            org=self.org, rule=self.rule.name, event_uids=tuple(gone), reason=reason
        )
        with self.database.begin() as connection:
            changes = commit.fold(
                connection, {self.rule.name: self.rule}, matches, withdrawn=[withdrawn], now=now
            )
            return commit.commit(
                connection,
                batch(key=f"{self.org}-{number}"),
                ledger.Entry(state=ledger.STORED),
                [],
                changes,
                routes=(),
                channels=self.channels,
                now=now,
            )

    def listed(self):
        """The alerts as people list them, the earliest first."""
        with self.database.read() as connection:
            found = alerts.listing(connection, org=self.org)
        return sorted(found, key=lambda alert: (alert.first_time, alert.key))

    def standing(self):
        """Those that hold."""
        return [alert for alert in self.listed() if alert.status == "open"]

    def get(self, alert_id):
        """One alert, whatever became of it."""
        with self.database.read() as connection:
            return alerts.get(connection, alert_id)

    def members(self):
        """By alert id, the uids of what belongs to it."""
        with self.database.read() as connection:
            return {
                alert.id: [member.event_uid for member in alerts.members_of(connection, [alert.id])]
                for alert in alerts.listing(connection, org=self.org, merged=True)
            }


def visible(alert):
    """What an alert says, without what depends on the order of arrival."""
    return {name: getattr(alert, name) for name in VISIBLE}
