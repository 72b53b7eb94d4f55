"""An outbox of before opens and goes on: by severity, and with what had been refused for ever."""

import contextlib
from datetime import timedelta

import pytest

from collector.model import Severity
from collector.store import delivery_leases
from collector.store.database import open_database
from fakes.databases import write_earlier_state
from fakes.model_samples import NOON

MICROS = 1_772_366_400_000_000  # NOON
ALERTS = {"a": 1, "b": 4}
DELIVERIES = (
    ("a.1.chat", "a", 1, "ready", 0),
    ("b.1.chat", "b", 1, "refused", 1),
    ("b.2.chat", "b", 2, "refused", 1),
    ("b.1.mail", "b", 1, "sent", 1),
)


@pytest.fixture
def old_state(tmp_path):
    """A state directory as the version before left it."""
    engine = write_earlier_state(tmp_path, "0002")
    with engine.begin() as connection:
        for alert_id, severity in ALERTS.items():
            connection.exec_driver_sql(
                "INSERT INTO alerts VALUES (?, 'acme', 'odd-login', '[]', '', 'Odd', ?, 'open',"
                f" {MICROS}, {MICROS}, 1, 0, '{{}}', '[]', '', '[]', '', '[]', {MICROS}, 1, 1, 1,"
                " '[]', '', '', '{}')",
                (alert_id, severity),
            )
        for key, alert_id, revision, state, attempts in DELIVERIES:
            connection.exec_driver_sql(
                f"INSERT INTO deliveries VALUES (?, ?, ?, ?, ?, ?, {MICROS}, NULL, '', '',"
                f" {MICROS}, NULL)",
                (key, alert_id, key.rpartition(".")[2], revision, state, attempts),
            )
    engine.dispose()
    return tmp_path


def test_what_was_refused_is_due_again_by_its_severity_but_not_where_more_was_told(old_state):
    with contextlib.closing(open_database(old_state)) as database:
        with database.begin() as connection:
            now, until = NOON, NOON + timedelta(minutes=1)
            first, second, third = (
                delivery_leases.lease_delivery(connection, "chat", now=now, until=until)
                for _ in range(3)
            )
        with database.read() as connection:
            states = dict(connection.exec_driver_sql("SELECT key, state FROM deliveries").all())

    assert ("b.2.chat", Severity.CRITICAL, 2) == (first.key, first.severity, first.attempts)
    assert ("a.1.chat", Severity.LOW, 1) == (second.key, second.severity, second.attempts)
    assert third is None
    assert "superseded" == states["b.1.chat"]
    assert "sent" == states["b.1.mail"]
