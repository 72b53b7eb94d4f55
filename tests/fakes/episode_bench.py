"""A state database that takes batches of matches in, as the pipeline does."""

from __future__ import annotations

from datetime import timedelta
from itertools import count

from collector.evaluation.result import EvaluationResult
from collector.ingest import commit
from collector.ingest.batch_writer import WrittenBatch
from collector.ingest.notifications import Audience
from collector.model import Withdrawal
from collector.store import alerts
from fakes.model_samples import NOON, build_batch, build_rule

VISIBLE_FIELDS = (
    *("key", "first_time", "last_time", "count", "severity", "title", "entities", "evidence"),
    *("context", "late_seconds"),
)
"""What an alert says, in whatever order its matches came."""


class EpisodeBench:
    """One rule's alerts in a real database; every batch is taken in a minute after the last."""

    def __init__(self, database, *, org="acme", channels=("chat",), **of_rule):
        self.database = database
        self.org = org
        self.rule = build_rule(**of_rule)
        self.channels = channels
        self.routes = ()
        self._batch_numbers = count()

    def ingest_matches(self, *matches, withdrawn_uids=(), reason=""):
        """Take a batch in; what it told."""
        number = next(self._batch_numbers)
        now = NOON + timedelta(days=1, minutes=number)
        withdrawn = Withdrawal(
            org=self.org, rule=self.rule.name, event_uids=tuple(withdrawn_uids), reason=reason
        )
        with self.database.begin() as connection:
            return commit.commit_batch(
                connection,
                build_batch(key=f"{self.org}-{number}"),
                WrittenBatch(),
                EvaluationResult(matches=matches, withdrawals=[withdrawn]),
                rules={self.rule.name: self.rule},
                audience=Audience(routes=self.routes, channels=self.channels),
                now=now,
            )

    def list_alerts(self):
        """The alerts as people list them, the earliest first."""
        with self.database.read() as connection:
            found = alerts.list_alerts(connection, org=self.org)
        return sorted(found, key=lambda alert: (alert.first_time, alert.key))

    def list_open_alerts(self):
        """Those that hold."""
        return [alert for alert in self.list_alerts() if alert.status == "open"]

    def find_alert(self, alert_id):
        """One alert, whatever became of it."""
        with self.database.read() as connection:
            return alerts.find_alert(connection, alert_id)

    def list_member_uids(self):
        """By alert id, the uids of what belongs to it."""
        with self.database.read() as connection:
            return {
                alert.id: [
                    member.event_uid
                    for member in alerts.iterate_alert_matches(connection, [alert.id])
                ]
                for alert in alerts.list_alerts(connection, org=self.org, include_merged=True)
            }


def extract_visible_fields(alert):
    """What an alert says, without what depends on the order of arrival."""
    return {name: getattr(alert, name) for name in VISIBLE_FIELDS}
