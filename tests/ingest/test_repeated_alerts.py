"""After an older state was put back nothing is told twice without a mark."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from collector.ingest.repeated_alerts import (
    RepeatGuard,
    notice_older_state,
    settle_restored_state,
)
from collector.model import Delivery, DeliveryState, Severity, StormLimit
from collector.store import alerts, delivery_leases, outbox, restorations, tables
from collector.store.delivery_journal import DeliveryJournal
from collector.store.restorations import Restoration
from fakes.databases import DATABASE_KINDS, open_test_database
from fakes.model_samples import NOON, build_alert

HOUR = timedelta(hours=1)
RESTORED = NOON + 2 * HOUR
RESTORATION = Restoration(restored=RESTORED, until=RESTORED)
KNOWN = build_alert(id="a" * 32, created=NOON - HOUR)
FOUND = build_alert(id="b" * 32, created=RESTORED + HOUR)


@pytest.fixture(params=DATABASE_KINDS)
def database(request, tmp_path):
    with open_test_database(request.param, tmp_path) as opened:
        yield opened


@pytest.fixture
def journal(tmp_path):
    return DeliveryJournal(tmp_path / "told.jsonl")


def tell(journal, alert, *, channel="chat", sent=NOON + HOUR):
    delivery = Delivery(
        key=f"{alert.id}.{alert.revision}.{channel}",
        alert_id=alert.id,
        channel=channel,
        revision=alert.revision,
        severity=alert.severity,
        attempts=1,
        refusals=0,
        storm="",
        instead_of="",
    )
    journal.append_delivery([alert], delivery, reference="r", sent=sent)


def save(database, *saved):
    with database.begin() as connection:
        alerts.save_alerts(connection, saved, {})


def list_messages(database):
    """Of each message its alert, channel, revision, state, and whether it is to be marked."""
    table = tables.deliveries
    query = sa.select(table).order_by(table.c.alert_id, table.c.revision, table.c.channel)
    with database.read() as connection:
        return [
            (row.alert_id[0], row.channel, row.revision, row.state, row.attempts > 0)
            for row in connection.execute(query)
        ]


def settle(database, journal):
    with database.begin() as connection:
        return settle_restored_state(connection, journal, RESTORATION)


def enqueue(database, alert, *channels):
    save(database, alert)
    now = RESTORED + HOUR
    with database.begin() as connection:
        guard = RepeatGuard.read_state(connection, now=now)
        guard.enqueue_alert(connection, alert, channels, now=now)


def test_what_waited_was_told_or_says_that_it_may_have_been(database, journal):
    other = build_alert(id="c" * 32)
    save(database, KNOWN, other)
    with database.begin() as connection:
        outbox.enqueue_alert(connection, KNOWN, ["chat"], now=NOON)
        outbox.enqueue_alert(connection, other, ["chat"], now=NOON)
    tell(journal, KNOWN)

    settled = settle(database, journal)

    assert (1, 1) == (settled.told_since, settled.marked)
    assert [
        ("a", "chat", 1, DeliveryState.SENT, True),
        ("c", "chat", 1, DeliveryState.READY, True),
    ] == list_messages(database)


def test_an_update_that_was_told_is_not_told_again(database, journal):
    save(database, KNOWN)
    tell(journal, build_alert(id=KNOWN.id, revision=2, severity=Severity.HIGH, count=40))

    settle(database, journal)

    with database.read() as connection:
        known = alerts.find_alert(connection, KNOWN.id)
    assert (2, Severity.HIGH, 40) == (known.revision, known.told_severity, known.told_count)


def test_an_alert_that_is_found_again_goes_on_from_what_was_told(database, journal):
    """On the channel that was told nothing is sent; the other one may have been told."""
    tell(journal, FOUND)
    settle(database, journal)

    enqueue(database, FOUND, "chat", "mail")

    assert [
        ("b", "chat", 1, DeliveryState.SENT, True),
        ("b", "mail", 1, DeliveryState.READY, True),
    ] == list_messages(database)
    with database.read() as connection:
        assert [] == restorations.list_tellings(connection)


def test_an_alert_that_has_grown_since_it_was_told_is_told_as_an_update(database, journal):
    tell(journal, FOUND)
    settle(database, journal)

    enqueue(database, build_alert(id=FOUND.id, created=FOUND.created, count=50), "chat")

    assert [
        ("b", "chat", 1, DeliveryState.SENT, True),
        ("b", "chat", 2, DeliveryState.READY, False),
    ] == list_messages(database)


@pytest.mark.parametrize(
    ("alert", "is_marked"),
    [
        (FOUND, True),
        (build_alert(id="b" * 32, created=FOUND.created, first_time=RESTORED + HOUR), False),
        (build_alert(id="b" * 32, created=KNOWN.created), True),
        (build_alert(id="b" * 32, created=KNOWN.created, last_time=RESTORED + HOUR), False),
    ],
    ids=["new, of before", "new, of after", "known, nothing new", "known, something new"],
)
def test_what_happened_before_may_be_a_repeat(database, journal, alert, is_marked):
    settle(database, journal)
    enqueue(database, alert, "chat")

    assert [("b", "chat", 1, DeliveryState.READY, is_marked)] == list_messages(database)


def test_a_digest_of_possible_repeats_is_one(database, journal):
    save(database, *(build_alert(id=f"{n:032}") for n in range(3)))
    with database.begin() as connection:
        for n in range(3):
            alert = alerts.find_alert(connection, f"{n:032}")
            outbox.enqueue_alert(connection, alert, ["chat"], now=NOON)
    settle(database, journal)
    limit = StormLimit(messages=1, window=HOUR)

    with database.begin() as connection:
        now = RESTORED
        first = delivery_leases.lease_delivery(
            connection, "chat", now=now, until=now + HOUR, limit=limit
        )
        outbox.mark_sent(connection, first.key, reference="", now=now)
        digest = delivery_leases.lease_delivery(
            connection, "chat", now=now + HOUR / 2, until=now + HOUR, limit=limit
        )

    assert (2, 2) == (first.attempts, digest.attempts)
    assert digest.alert_id is None


def test_an_older_state_is_recognised_by_the_journal(database, journal):
    save(database, KNOWN)
    with database.begin() as connection:
        outbox.enqueue_alert(connection, KNOWN, ["chat"], now=NOON)
        outbox.mark_sent(connection, f"{KNOWN.id}.1.chat", reference="", now=NOON)
    assert notice_older_state(database, journal, now=RESTORED) is None, "nothing was told"
    tell(journal, KNOWN, sent=NOON + timedelta(seconds=1))
    assert notice_older_state(database, journal, now=RESTORED) is None, "it knows of it"

    tell(journal, FOUND)

    assert 1 == notice_older_state(database, journal, now=RESTORED).told_since
    assert notice_older_state(database, journal, now=RESTORED) is None, "only once"


def test_after_a_month_nothing_comes_again(database, journal):
    settle(database, journal)

    with database.read() as connection:
        assert RepeatGuard.read_state(connection, now=RESTORED + timedelta(days=31)) is None
