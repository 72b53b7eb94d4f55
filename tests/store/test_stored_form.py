"""A state that was written before states, streams and facts had types reads as it did."""

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from collector.model import (
    AlertStatus,
    BatchState,
    DeliveryState,
    LogFileFacts,
    PollState,
    StreamPurpose,
    WindowFacts,
)
from collector.store import (
    batch_inventory,
    damaged_files,
    event_history,
    ledger,
    listed_files,
    stream_coverage,
    tables,
)
from fakes.databases import open_sqlite_state
from fakes.model_samples import NOON, STREAM

MICROS = 1_772_366_400_000_000  # NOON
FILE = (
    '{"file": "0AT5f00000AAAAAAAA", "log_date": "2026-03-01T12:00:00+00:00", "created_date":'
    ' "2026-03-01T15:00:00+00:00", "interval": "hourly", "sequence": 1, "announced_bytes": 99}'
)
WINDOW = (
    '{"from": "2026-03-01T11:00:00.000Z", "to": "2026-03-01T12:00:00.000Z", "rows": 3, "cut": true}'
)
BATCH_COLUMNS = (
    "key, org, source, stream, event_type, state, reason, rows, duplicates, quarantined, nominal,"
    " received, facts"
)
"""As the first version had them: what it has written opens with later ones."""

ROWS = (
    (
        f"INSERT INTO batches ({BATCH_COLUMNS})"
        f" VALUES ('k1', 'acme', 'event_log_file', 'hourly#backfill', 'Login',"
        f" 'quarantined', 'segment 0', 3, 1, 1, {MICROS}, {MICROS}, '{FILE}')"
    ),
    (
        f"INSERT INTO batches ({BATCH_COLUMNS})"
        f" VALUES ('k2', 'acme', 'stored_events', 'ApiEvent', 'ApiEvent',"
        f" 'stored', '', 3, 0, 0, {MICROS}, {MICROS}, '{WINDOW}')"
    ),
    (
        f"INSERT INTO listed VALUES ('k3', 'acme', 'event_log_file', 'hourly', 'Report', {MICROS},"
        f" {MICROS}, {MICROS}, {MICROS}, 2, 'timed out', '{FILE}')"
    ),
    (
        f"INSERT INTO polls VALUES ('acme', 'stored_events', 'ApiEvent', 'unavailable', {MICROS},"
        f" 'no licence', {MICROS}, NULL)"
    ),
    f"INSERT INTO coverage VALUES ('acme', 'event_log_file', 'hourly#listed', 0, {MICROS})",
)


@pytest.fixture
def database(tmp_path):
    opened = open_sqlite_state(tmp_path)
    with opened.begin() as connection:
        for row in ROWS:
            connection.exec_driver_sql(row)
    yield opened
    opened.close()


def test_batches_say_what_they_said(database):
    with database.read() as connection:
        items = batch_inventory.list_inventory_items(
            connection, org="acme", since=NOON, until=NOON + timedelta(hours=1)
        )
        (origin,) = event_history.list_batch_origins(connection, ["k1"])
    found = {item.key: item for item in items}

    assert {
        "k1": (BatchState.QUARANTINED, "hourly", StreamPurpose.BACKFILL, LogFileFacts),
        "k2": (BatchState.STORED, "ApiEvent", StreamPurpose.LIVE, WindowFacts),
        "k3": (BatchState.PENDING, "hourly", StreamPurpose.LIVE, LogFileFacts),
    } == {
        key: (item.state, item.stream.name, item.stream.purpose, type(item.facts))
        for key, item in found.items()
    }
    assert found["k1"].facts == origin.facts == found["k3"].facts
    assert "acme/event_log_file/hourly#backfill" == str(origin.stream)


def test_polls_and_coverage_say_what_they_said(database):
    with database.read() as connection:
        (poll,) = ledger.list_poll_statuses(connection)
        (stream,) = stream_coverage.list_org_coverage(connection, org="acme")

    assert (PollState.UNAVAILABLE, NOON) == (poll.state, poll.since)
    assert ("hourly", StreamPurpose.LISTING) == (stream.name, stream.purpose)


def test_a_file_of_before_has_no_hash(database):
    with database.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO files (path, batch, org, event_type, date, rows, bytes, first, last)"
            f" VALUES ('p', 'k1', 'acme', 'Login', '2026-03-01', 3, 99, {MICROS}, {MICROS})"
        )
        (file,) = ledger.list_archive_files(connection)
        assert ("", 99) == (file.sha256, file.bytes)
        damaged_files.record_damage(
            connection, replace(file, sha256="ab" * 32), reason="it is not there", now=NOON
        )
        (damaged,) = damaged_files.list_damaged_files(connection)

    assert replace(file, sha256="ab" * 32) == damaged.file


def test_what_is_listed_and_lost_is_written_as_it_was(database):
    with database.begin() as connection:
        listed_files.mark_unlisted_lost(connection, STREAM, now=NOON + timedelta(days=2))
        row = connection.exec_driver_sql(
            "SELECT state, stream, facts FROM batches WHERE key = 'k3'"
        ).one()

    assert ("lost", "hourly", FILE) == tuple(row)


@pytest.mark.parametrize(
    ("column", "states", "texts"),
    [
        (tables.polls.c.state, PollState, "ok failed unavailable paused"),
        (tables.batches.c.state, BatchState, "pending stored quarantined lost damaged"),
        (tables.alerts.c.status, AlertStatus, "open merged withdrawn"),
        (tables.deliveries.c.state, DeliveryState, "ready leased digested sent refused superseded"),
    ],
)
def test_states_are_kept_as_the_same_texts(database, column, states, texts):
    assert texts.split() == list(map(str, states))
    with database.read() as connection:
        for state in states:
            assert state is connection.scalar(sa.select(sa.literal(state, column.type)))


def test_what_is_no_state_is_refused(database):
    with database.read() as connection, pytest.raises(sa.exc.StatementError, match="lots"):
        connection.scalar(sa.select(sa.literal("lots", tables.polls.c.state.type)))
