"""What the state knows of an event is found by its uid, its alert and its batch."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from collector.model import Severity
from collector.store import alerts, ledger, listing, outbox, tables, trail
from collector.store.database import open_database
from fakes.nouns import NOON, STREAM, alert, batch


@pytest.fixture
def state(tmp_path):
    database = open_database(tmp_path)
    with database.begin() as connection:
        yield connection
    database.close()


def join(state, found, *uids, severity=Severity.LOW, minutes=0):
    alerts.save(state, [found], {})
    rest = {"weight": 1.0, "count": 1, "late_seconds": 0, "title": f"{found.rule} says"}
    time = NOON + timedelta(minutes=minutes)
    state.execute(
        sa.insert(tables.matches),
        [
            {
                "org": found.org,
                "rule": found.rule,
                "event_uid": uid,
                "alert_id": found.id,
                "time": time,
                "severity": severity,
                **rest,
            }
            for uid in uids
        ],
    )


def test_an_event_is_in_one_alert_of_each_rule_that_matched_it(state):
    for rule, org, uid in (
        ("one", "acme", "e1"),
        ("two", "acme", "e1"),
        ("one", "other", "e1"),
        ("three", "acme", "e2"),
    ):
        join(state, alert(id=f"{org}-{rule}", rule=rule, org=org), uid)

    assert [
        ("acme", "one", "acme-one", "one says"),
        ("acme", "two", "acme-two", "two says"),
        ("other", "one", "other-one", "one says"),
    ] == [(m.org, m.rule, m.alert_id, m.title) for m in trail.memberships(state, "e1", apart="#")]
    assert [] == trail.memberships(state, "e3", apart="#")


def test_an_event_that_a_rule_matched_several_times_is_in_the_alerts_of_all(state):
    for uid in ("e1", "e1#a", "e1#b", "e1$", "e1-#c", "e11", "E1#d", "e10#e"):
        join(state, alert(id=f"of {uid}"), uid)

    found = trail.memberships(state, "e1", apart="#")
    assert ["of e1", "of e1#a", "of e1#b"] == [each.alert_id for each in found]


def test_the_gravest_members_of_an_alert_come_first_then_the_earliest(state):
    found = alert()
    join(state, found, "late", minutes=5)
    join(state, found, "b", "a")
    join(state, found, "grave", severity=Severity.HIGH, minutes=9)
    join(state, alert(id="other", rule="other"), "others")

    assert ["grave", "a", "b", "late"] == trail.members(state, found.id, limit=9)
    assert ["grave", "a"] == trail.members(state, found.id, limit=2)


def test_messages_are_told_in_the_order_in_which_they_were_owed(state):
    first, second = alert(), alert(revision=2)
    alerts.save(state, [first], {})
    outbox.owe(state, first, ["b", "a"], now=NOON)
    outbox.refused(state, f"{first.id}.1.a", reason="no", now=NOON)
    outbox.owe(state, second, ["a"], now=NOON + timedelta(hours=1))

    assert [
        ("a", 1, "refused", NOON, "no"),
        ("b", 1, "ready", None, ""),
        ("a", 2, "ready", None, ""),
    ] == [
        (told.channel, told.revision, told.state, told.finished, told.reason)
        for told in trail.deliveries(state, first.id)
    ]
    assert [] == trail.deliveries(state, "other")


def test_a_batch_is_told_with_when_it_was_listed(state):
    listed, other = batch(key="a" * 32), batch(key="b" * 32, received=NOON)
    listing.note(state, [listed], now=NOON + timedelta(hours=1))
    entry = ledger.Entry(state="quarantined", reason="segment 0", rows=3, quarantined=1)
    for each in (listed, other):
        ledger.record(state, each, entry, [])
    first, second = trail.taken(state, [listed.key, other.key, "c" * 32])

    assert (other.key, None, None) == (first.key, first.listed, first.created)
    assert (listed.key, NOON + timedelta(hours=1), NOON) == (
        second.key,
        second.listed,
        second.created,
    )
    assert (entry, STREAM, {"interval": "hourly"}) == (second.entry, second.stream, second.facts)
    assert ["acme"] == trail.orgs(state)
