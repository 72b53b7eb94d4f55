"""What was listed is pending until the ledger holds it, and is never forgotten."""

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from collector.model import BatchState, Cursor, StreamPurpose
from collector.store import batch_inventory, ledger, ledger_totals, listed_files, tables
from fakes.databases import open_sqlite_state
from fakes.model_samples import NOON, STREAM, build_batch, build_log_file_facts

DAY = timedelta(days=1)


@pytest.fixture
def database(tmp_path):
    opened = open_sqlite_state(tmp_path)
    yield opened
    opened.close()


def made(number, **changes):
    facts = build_log_file_facts(file_id=f"0AT{number}")
    cursor = Cursor(time=NOON + timedelta(hours=3))
    return build_batch(key=f"{number:032}", facts=facts, cursor=cursor, **changes)


def states(database):
    with database.read() as connection:
        found = batch_inventory.list_inventory_items(
            connection, org="acme", since=NOON - DAY, until=NOON + DAY
        )
    return {int(item.key): item.state for item in found}


def note(database, *batches, now=NOON):
    with database.begin() as connection:
        listed_files.record_listed_files(connection, batches, now=now)


def give_up(database, now):
    with database.begin() as connection:
        return [batch.key for batch in listed_files.mark_unlisted_lost(connection, STREAM, now=now)]


def test_what_is_listed_is_pending_until_it_is_entered(database):
    note(database, made(1), made(2))
    with database.begin() as connection:
        ledger.record_batch(connection, made(1), ledger.LedgerEntry(state=BatchState.STORED), [])

    assert {1: "stored", 2: "pending"} == states(database)


def test_listing_again_changes_nothing_but_when_it_was_listed_last(database):
    note(database, made(1))
    note(database, made(1), now=NOON + DAY)

    with database.read() as connection:
        (row,) = connection.execute(sa.select(tables.listed_files))
    assert (NOON, NOON + DAY) == (row.first_listed, row.last_listed)


def test_a_failure_is_counted_with_its_reason_and_leaves_it_pending(database):
    note(database, made(1))
    with database.begin() as connection:
        for reason in ("503", "time-out"):
            listed_files.record_fetch_failure(connection, made(1).key, reason)

    with database.read() as connection:
        (item,) = batch_inventory.list_inventory_items(
            connection, org="acme", since=NOON, until=NOON
        )
    assert ("pending", 2, "time-out") == (item.state, item.failures, item.reason)


def test_what_was_not_listed_for_a_day_is_lost_and_not_before(database):
    note(database, made(1), made(2))
    assert [] == give_up(database, NOON + DAY - timedelta(seconds=1))
    note(database, made(2), now=NOON + DAY)

    assert [made(1).key] == give_up(database, NOON + DAY)
    assert [] == give_up(database, NOON + DAY), "and told once"
    assert {1: "lost", 2: "pending"} == states(database)
    with database.read() as connection:
        (lost,) = [t for t in ledger_totals.list_ledger_totals(connection) if t.lost]
    assert ("Login", 1) == (lost.event_type, lost.lost)


def test_what_is_in_the_ledger_is_never_given_up(database):
    note(database, made(1))
    with database.begin() as connection:
        ledger.record_batch(connection, made(1), ledger.LedgerEntry(state=BatchState.STORED), [])

    assert [] == give_up(database, NOON + 9 * DAY)


def test_another_streams_files_are_not_ours_to_give_up(database):
    shadow = replace(STREAM, purpose=StreamPurpose.BACKFILL)
    note(database, made(1, stream=shadow))

    assert [] == give_up(database, NOON + 9 * DAY)


def test_a_stream_remembers_since_when_it_is_as_it_is(database):
    def poll(state, hours):
        moment = NOON + timedelta(hours=hours)
        poll = ledger.PollStatus(
            stream=STREAM, state=state, reason="", last_attempt=moment, last_success=None
        )
        with database.begin() as connection:
            ledger.save_poll_status(connection, poll)
            (kept,) = ledger.list_poll_statuses(connection)
        return (kept.since - NOON) // timedelta(hours=1)

    assert [0, 0, 2, 3, 3] == [
        poll("ok", 0),
        poll("ok", 1),
        poll("failed", 2),
        poll("ok", 3),
        poll("ok", 9),
    ]


def test_the_files_of_a_day_are_those_that_the_org_made_in_it_whenever_they_were_listed(database):
    past = replace(STREAM, purpose=StreamPurpose.BACKFILL)
    old = replace(made(2), cursor=Cursor(time=NOON - 40 * DAY), log_time=NOON - 40 * DAY)
    other = replace(made(4), stream=replace(STREAM, org="other"))
    note(database, made(1), old, replace(made(3), stream=past), other, now=NOON + 30 * DAY)

    def count(since):
        with database.read() as connection:
            return listed_files.count_created_files(
                connection, STREAM.org, STREAM.source, since=since
            )

    assert 1 == count(NOON)
    assert 0 == count(NOON + timedelta(hours=3))
    assert 1 == count(NOON - 30 * DAY)
    assert 2 == count(NOON - 41 * DAY)
