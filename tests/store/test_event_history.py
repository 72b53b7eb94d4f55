"""What the state knows of an event is found by its uid, its alert and its batch."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from collector.model import Severity
from collector.store import alerts, event_history, ledger, listed_files, outbox, tables
from fakes.databases import open_sqlite_state
from fakes.model_samples import NOON, STREAM, build_alert, build_batch


@pytest.fixture
def state(tmp_path):
    database = open_sqlite_state(tmp_path)
    with database.begin() as connection:
        yield connection
    database.close()


def join(state, found, *uids, severity=Severity.LOW, minutes=0):
    alerts.save_alerts(state, [found], {})
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
        join(state, build_alert(id=f"{org}-{rule}", rule=rule, org=org), uid)

    assert [
        ("acme", "one", "acme-one", "one says"),
        ("acme", "two", "acme-two", "two says"),
        ("other", "one", "other-one", "one says"),
    ] == [
        (m.org, m.rule, m.alert_id, m.title)
        for m in event_history.list_memberships(state, "e1", separator="#")
    ]
    assert [] == event_history.list_memberships(state, "e3", separator="#")


def test_an_event_that_a_rule_matched_several_times_is_in_the_alerts_of_all(state):
    for uid in ("e1", "e1#a", "e1#b", "e1$", "e1-#c", "e11", "E1#d", "e10#e"):
        join(state, build_alert(id=f"of {uid}"), uid)

    found = event_history.list_memberships(state, "e1", separator="#")
    assert ["of e1", "of e1#a", "of e1#b"] == [each.alert_id for each in found]


def test_the_gravest_members_of_an_alert_come_first_then_the_earliest(state):
    found = build_alert()
    join(state, found, "late", minutes=5)
    join(state, found, "b", "a")
    join(state, found, "grave", severity=Severity.HIGH, minutes=9)
    join(state, build_alert(id="other", rule="other"), "others")

    assert ["grave", "a", "b", "late"] == event_history.list_match_uids(state, found.id, limit=9)
    assert ["grave", "a"] == event_history.list_match_uids(state, found.id, limit=2)


def test_messages_are_told_in_the_order_in_which_they_were_owed(state):
    first, second = build_alert(), build_alert(revision=2)
    alerts.save_alerts(state, [first], {})
    outbox.enqueue_alert(state, first, ["b", "a"], now=NOON)
    outbox.mark_rejected(state, f"{first.id}.1.a", reason="no", due=NOON, now=NOON)
    outbox.enqueue_alert(state, second, ["a"], now=NOON + timedelta(hours=1))

    assert [
        ("a", 1, "superseded", NOON + timedelta(hours=1), "no"),
        ("b", 1, "ready", None, ""),
        ("a", 2, "ready", None, ""),
    ] == [
        (told.channel, told.revision, told.state, told.finished, told.reason)
        for told in event_history.list_deliveries(state, first.id)
    ]
    assert [] == event_history.list_deliveries(state, "other")


def test_a_batch_is_told_with_when_it_was_listed(state):
    listed, other = build_batch(key="a" * 32), build_batch(key="b" * 32, received=NOON)
    listed_files.record_listed_files(state, [listed], now=NOON + timedelta(hours=1))
    entry = ledger.LedgerEntry(state="quarantined", reason="segment 0", rows=3, quarantined=1)
    for each in (listed, other):
        ledger.record_batch(state, each, entry, [])
    first, second = event_history.list_batch_origins(state, [listed.key, other.key, "c" * 32])

    assert (other.key, None, None) == (first.key, first.first_listed, first.created)
    assert (listed.key, NOON + timedelta(hours=1), NOON) == (
        second.key,
        second.first_listed,
        second.created,
    )
    assert (entry, STREAM, listed.facts) == (second.entry, second.stream, second.facts)
    assert ["acme"] == event_history.list_collected_orgs(state)
