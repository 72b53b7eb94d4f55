"""A state from before files were compacted opens, and what it knows of damage is still known."""

from collector.model import ArchiveFile, DamageState
from collector.store import compacted_files, damaged_files, ledger
from collector.store.database import open_database
from fakes.databases import write_earlier_state
from fakes.model_samples import NOON, STREAM

MICROS = 1_772_366_400_000_000  # NOON
PLACE = "'acme', 'Login', '2026-03-01', 2, 9"


def test_an_earlier_state_opens(tmp_path):
    engine = write_earlier_state(tmp_path, "0010")
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO batches (key, org, source, stream, event_type, state, rows, duplicates,"
            " quarantined, nominal, received, facts) VALUES ('k', 'acme', 'event_log_file',"
            f" 'hourly', 'Login', 'stored', 2, 0, 0, {MICROS}, {MICROS}, '{{}}')"
        )
        connection.exec_driver_sql(
            "INSERT INTO files (path, batch, org, event_type, date, rows, bytes, first, last,"
            f" sha256) VALUES ('one', 'k', {PLACE}, {MICROS}, {MICROS}, 'ab')"
        )
        connection.exec_driver_sql(
            "INSERT INTO damaged (path, batch, org, event_type, date, rows, bytes, first, last,"
            " state, reason, since, sha256) VALUES"
            f" ('two', 'k', {PLACE}, {MICROS}, {MICROS}, 'lost', 'gone', {MICROS}, 'cd')"
        )
    engine.dispose()
    database = open_database(tmp_path)

    with database.read() as connection:
        (file,) = ledger.list_archive_files(connection)
        (damaged,) = damaged_files.list_damaged_files(connection)
        assert ("one", "ab", {"one": {"k": 2}}) == (
            file.path,
            file.sha256,
            compacted_files.read_members(connection, ["one"]),
        )
        assert ("two", "cd", DamageState.LOST, NOON, STREAM) == (
            damaged.file.path,
            damaged.file.sha256,
            damaged.state,
            damaged.since,
            damaged.stream,
        )
    database.close()


def test_a_compacted_file_is_of_no_one_batch_and_may_have_no_member(tmp_path):
    database = open_database(tmp_path)
    file = ArchiveFile(
        path="compacted-1.parquet",
        org="acme",
        event_type="Login",
        date="2026-03-01",
        rows=2,
        bytes=9,
        first_time=NOON,
        last_time=NOON,
    )
    with database.begin() as connection:
        compacted_files.insert_compacted_file(connection, file, {})

        assert {file.path: {}} == compacted_files.read_members(connection, [file.path, "other"])
    database.close()
