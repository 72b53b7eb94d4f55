"""A ledger that is built from the files of its archive is the one that was lost."""

import os

import pytest

from collector import engine
from collector.errors import ArchiveWithoutLedgerError
from collector.ingest.adoption import adopt_files, finish_adoption
from collector.ingest.archive_claim import claim_archive
from collector.model import Cursor, DamageState, Stream, UnknownFacts, WindowFacts
from collector.store import damaged_files, ledger, ledger_identity, stream_coverage
from collector.store.database import open_database
from fakes.model_samples import NOON, STREAM, build_log_file_facts
from fakes.pipeline_bench import build_login_row, open_pipeline_bench
from fakes.polling_bench import HOUR

WINDOW_STREAM = Stream(org="acme", source="stored_events", name="ApiEvent")
FILE_CURSOR = Cursor(time=NOON + 2 * HOUR, tiebreaker="0AT000000000002AAA")


@pytest.fixture
def bench(tmp_path):
    """Two log files, one with events of two days, and a window of three records, one known."""
    with open_pipeline_bench(tmp_path) as opened:
        claim_archive(opened.database, opened.places.archive)
        rows = [
            build_login_row(1),
            build_login_row(2, TIMESTAMP_DERIVED="2026-02-28T23:59:59.000Z"),
        ]
        opened.pipeline.ingest(opened.write_batch("Login", rows))
        second = build_log_file_facts(file_id="0AT000000000002AAA")
        opened.pipeline.ingest(
            opened.write_batch(
                "Login",
                [build_login_row(3)],
                key="l" * 32,
                record_prefix=second.file_id,
                facts=second,
                cursor=FILE_CURSOR,
                received=NOON + 4 * HOUR,
            )
        )
        opened.pipeline.ingest(build_window(opened))
        yield opened


def build_window(bench):
    rows = [
        {"EventIdentifier": f"e{number}", "EventDate": "2026-03-01T11:30:00.000Z"}
        for number in (1, 2, 2)
    ]
    return bench.write_batch(
        "ApiEvent",
        rows,
        key="w" * 32,
        stream=WINDOW_STREAM,
        dedupe=True,
        cursor=Cursor(time=NOON),
        facts=WindowFacts(start=NOON - HOUR, until=NOON, rows=3, is_truncated=False),
    )


def dump(database, table, columns):
    with database.read() as connection:
        query = f"SELECT {columns} FROM {table} ORDER BY 1"
        return [tuple(row) for row in connection.exec_driver_sql(query)]


def lose_and_adopt(bench):
    """The database that is built after the present one was lost, and the report."""
    bench.database.close()
    for path in bench.places.state_dir.glob("state.db*"):
        path.unlink()
    database = open_database(bench.places.state_dir)
    with engine.open_engine() as connection:
        report = adopt_files(database, connection, bench.places, lambda _: None)
    with pytest.raises(ArchiveWithoutLedgerError, match="collector archive adopt"):
        claim_archive(database, bench.places.archive)
    finish_adoption(database, bench.places)
    claim_archive(database, bench.places.archive)
    return database, report


FILES = ("files", "path, batch, org, event_type, date, rows, bytes, first, last")
BATCHES = (
    "batches",
    "key, org, source, stream, event_type, rows, duplicates, nominal, received, facts",
)


def test_files_and_batches_are_entered_as_they_were(bench):
    before = [dump(bench.database, *FILES), dump(bench.database, *BATCHES)]
    database, report = lose_and_adopt(bench)

    assert before == [dump(database, *FILES), dump(database, *BATCHES)]
    assert 3 == len(before[1])
    assert (4, 3, 5, 0) == (
        report.file_count,
        report.batch_count,
        report.event_count,
        report.undescribed_count,
    )
    with database.read() as connection:
        assert bench.places.archive.read_ledger_id() == ledger_identity.read_ledger_id(connection)
    database.close()


def test_streams_go_on_where_nothing_can_be_missing(bench):
    database, _ = lose_and_adopt(bench)

    with database.read() as connection:
        assert FILE_CURSOR == ledger.read_cursor(connection, STREAM)
        assert Cursor(time=NOON - HOUR) == ledger.read_cursor(connection, WINDOW_STREAM)
        (span,) = stream_coverage.list_spans(connection, WINDOW_STREAM)
        known = ledger.find_known_keys(connection, ["k" * 32, "l" * 32, "w" * 32])
    assert (NOON - HOUR, NOON) == (span.start, span.until)
    assert {"k" * 32, "w" * 32} == known, "the last log file may have been taken in by half"
    database.close()


def damage(bench, pattern):
    """Make a file unreadable, and return its place."""
    root = bench.places.state_dir / "archive"
    (path,) = root.rglob(pattern)
    path.write_bytes(bytes(path.stat().st_size))
    return str(path.relative_to(root))


def list_damages(database):
    with database.read() as connection:
        return damaged_files.list_damaged_files(connection)


def test_a_file_that_cannot_be_read_is_entered_as_far_as_its_place_tells(bench):
    place = damage(bench, "event_type=ApiEvent/*/*.parquet")
    database, report = lose_and_adopt(bench)

    assert {place} == set(report.unreadable) == report.damaged
    assert 3 == len(dump(database, *FILES))
    (damaged,) = list_damages(database)
    assert ("w" * 32, WINDOW_STREAM, UnknownFacts(), DamageState.WAITING, 0) == (
        damaged.batch,
        damaged.stream,
        damaged.facts,
        damaged.state,
        damaged.file.rows,
    )
    assert ("acme", "ApiEvent", "2026-03-01") == (
        damaged.file.org,
        damaged.file.event_type,
        damaged.file.date,
    )
    assert (bench.places.damaged_files / place).exists()
    assert not (bench.places.state_dir / "archive" / place).exists()
    database.close()


@pytest.mark.slow
def test_what_other_files_of_its_batch_say_is_known_of_a_damaged_one(bench):
    place = damage(bench, "date=2026-02-28/*.parquet")
    database, _ = lose_and_adopt(bench)

    (damaged,) = list_damages(database)
    assert (place, "k" * 32, STREAM, build_log_file_facts().file_id) == (
        damaged.file.path,
        damaged.batch,
        damaged.stream,
        damaged.facts.file_id,
    )
    with database.read() as connection:
        assert not ledger.find_known_keys(connection, ["k" * 32]), "it is fetched again as a whole"
    database.close()


def test_log_files_are_listed_again_from_the_day_of_a_damaged_one(bench):
    place = damage(bench, f"{'l' * 32}-*.parquet")
    database, _ = lose_and_adopt(bench)

    (damaged,) = list_damages(database)
    assert (place, "l" * 32, STREAM, UnknownFacts()) == (
        damaged.file.path,
        damaged.batch,
        damaged.stream,
        damaged.facts,
    )
    with database.read() as connection:
        assert NOON - 12 * HOUR == ledger.read_cursor(connection, STREAM).time
        assert not ledger.find_known_keys(connection, ["l" * 32])
    database.close()


@pytest.mark.slow
def test_a_pipe_is_damage_and_what_lies_nowhere_is_left_alone(bench):
    root = bench.places.state_dir / "archive"
    pipe = root / "org=acme/event_type=Login/date=2026-03-01/ppp-0000.parquet"
    elsewhere, no_day = root / "notes.parquet", root / "org=a/event_type=b/date=today/x.parquet"
    no_day.parent.mkdir(parents=True)
    os.mkfifo(pipe)
    for path in (elsewhere, no_day):
        path.write_text("no file of events")
    database, report = lose_and_adopt(bench)

    assert {str(pipe.relative_to(root))} == report.damaged
    assert 3 == len(report.unreadable)
    assert [True, True, False] == [path.exists() for path in (elsewhere, no_day, pipe)]
    assert ["ppp"] == [damaged.batch for damaged in list_damages(database)]
    database.close()


@pytest.mark.slow
def test_damage_that_is_found_twice_is_entered_once(bench):
    place = damage(bench, "event_type=ApiEvent/*/*.parquet")
    database, _ = lose_and_adopt(bench)
    before = list_damages(database)
    copy = bench.places.damaged_files / place
    copy.rename(bench.places.state_dir / "archive" / place)
    with engine.open_engine() as connection:
        report = adopt_files(database, connection, bench.places, lambda _: None)

    assert {place} == report.damaged
    assert before == list_damages(database)
    assert copy.exists()
    database.close()


def test_the_ledger_of_another_archive_is_left_alone(bench):
    bench.places.archive.write_ledger_id("another")
    before = dump(bench.database, *FILES)

    with (
        engine.open_engine() as connection,
        pytest.raises(ArchiveWithoutLedgerError, match="that of another archive"),
    ):
        adopt_files(bench.database, connection, bench.places, lambda _: None)
    assert before == dump(bench.database, *FILES)


def test_what_an_older_ledger_does_not_know_is_added(bench):
    before = [dump(bench.database, *FILES), dump(bench.database, *BATCHES)]
    with bench.database.begin() as connection:
        connection.exec_driver_sql("DELETE FROM files WHERE date = '2026-02-28'")
        connection.exec_driver_sql("UPDATE batches SET rows = 1 WHERE key = 'k' || substr(key, 2)")

    with engine.open_engine() as connection:
        report = adopt_files(bench.database, connection, bench.places, lambda _: None)

    assert 1 == report.file_count
    assert before[0] == dump(bench.database, *FILES)
    assert before[1] == dump(bench.database, *BATCHES)
