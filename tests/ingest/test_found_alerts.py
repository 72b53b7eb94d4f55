"""What is told of alerts that were found again is what the journal does not say was told."""

from __future__ import annotations

from datetime import timedelta

import pytest

from collector.ingest.found_alerts import FoundAlerts, settle_found_alerts
from collector.ingest.notifications import Audience
from collector.model import Route, Severity
from collector.store import alerts
from collector.store.database import open_database
from collector.store.delivery_journal import ToldAlert
from fakes.model_samples import NOON, build_alert, build_rule

DAY = timedelta(days=1)
CHANNELS = ("chat", "mail")


@pytest.fixture
def database(tmp_path):
    opened = open_database(tmp_path)
    yield opened
    opened.close()


def build_told(alert, channel, severity=Severity.LOW, revision=1):
    return ToldAlert(
        alert_id=alert.id,
        org=alert.org,
        rule=alert.rule,
        key=alert.key,
        first_time=alert.first_time,
        last_time=alert.last_time,
        severity=severity,
        count=1,
        created=alert.created,
        channel=channel,
        revision=revision,
        reference="",
        sent=NOON,
    )


def settle(database, found, told):
    """What came of it, and by channel the revision, state and attempts of its newest delivery."""
    with database.begin() as connection:
        alerts.save_alerts(connection, [found], {})
    counts = settle_found_alerts(
        database,
        told,
        rules={found.rule: build_rule(name=found.rule)},
        audience=Audience(routes=[Route(channels=CHANNELS)], channels=CHANNELS),
        since=NOON - DAY,
        now=NOON,
    )
    with database.read() as connection:
        rows = connection.exec_driver_sql(
            "SELECT channel, revision, state, attempts FROM deliveries ORDER BY revision"
        )
        return counts, {row[0]: tuple(row[1:]) for row in rows}


def test_what_has_grown_since_it_was_told_is_told_as_an_update(database):
    found = build_alert(severity=Severity.CRITICAL, told_severity=Severity.CRITICAL)
    told = [build_told(found, "chat"), build_told(found, "mail", Severity.CRITICAL, revision=2)]

    counts, deliveries = settle(database, found, told)

    assert FoundAlerts(told_before=1) == counts
    assert {"chat": (3, "ready", 0), "mail": (2, "sent", 1)} == deliveries
    with database.read() as connection:
        (stored,) = alerts.list_alerts(connection)
    assert (3, Severity.CRITICAL) == (stored.revision, stored.told_severity)


def test_a_channel_that_the_journal_does_not_name_gets_a_possible_repeat(database):
    found = build_alert(severity=Severity.LOW)

    counts, deliveries = settle(database, found, [build_told(found, "chat")])

    assert FoundAlerts(told_before=1) == counts
    assert {"chat": (1, "sent", 1), "mail": (1, "ready", 1)} == deliveries


@pytest.mark.parametrize(
    ("severity", "received", "has_journal", "state"),
    [
        (Severity.CRITICAL, NOON - 2 * DAY, True, "ready"),
        (Severity.HIGH, NOON, True, "ready"),
        (Severity.HIGH, NOON - 2 * DAY, True, "superseded"),
        (Severity.CRITICAL, NOON, False, "superseded"),
    ],
)
def test_an_old_alert_that_an_intact_journal_does_not_name_is_told(
    database, severity, received, has_journal, state
):
    event_time = NOON - 3 * DAY
    found = build_alert(
        severity=severity,
        first_time=event_time,
        last_time=event_time,
        late_seconds=int((received - event_time).total_seconds()),
    )
    other = build_told(build_alert(id="f" * 20, key=("somebody else",)), "chat")

    _, deliveries = settle(database, found, [other] if has_journal else [])

    assert {state} == {delivery[1] for delivery in deliveries.values()}
    assert set(CHANNELS) == set(deliveries)
