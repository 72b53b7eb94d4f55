"""The archive: what is staged is nothing, what is placed is whole, what is swept is a stray."""

import hashlib
from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from collector import engine
from collector.archive import parquet_sql
from collector.archive.local_archive import LEDGER_ID_FILE_NAME, STAGING_FOLDER, LocalArchive
from fakes.model_samples import build_batch

DAY = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def archive(tmp_path):
    return LocalArchive(root=tmp_path / "archive")


@pytest.fixture
def connection():
    opened = engine.open_engine()
    yield opened
    opened.close()


def events(*rows):
    values = ", ".join(f"('{uid}', TIMESTAMPTZ '{time}')" for uid, time in rows)
    return f"SELECT event_uid, time FROM (VALUES {values}) AS v (event_uid, time)"


TWO_DAYS = events(
    ("a", "2026-03-01 23:59:59.999Z"), ("b", "2026-03-02 00:00:00Z"), ("c", "2026-03-03 12:00:00Z")
)
ONE_DAY = events(("a", "2026-03-01 01:00:00Z"), ("b", "2026-03-01 02:00:00Z"))


SERVED_AGAIN = build_batch(dedupe=True)


def uids(connection, archive, files):
    source = parquet_sql.build_relation(archive.locate_files(files))
    return sorted(
        row[0] for row in connection.execute(f"SELECT event_uid FROM {source}").fetchall()
    )


def test_events_of_one_day_become_one_file_named_after_the_batch(connection, archive):
    staged = archive.stage_events(connection, ONE_DAY, name="kkk-0000", batch=build_batch())
    (file,) = archive.publish_events(connection, staged, build_batch())

    assert "org=acme/event_type=Login/date=2026-03-01/kkk-0000.parquet" == file.path
    assert (2, "2026-03-01") == (file.rows, file.date)
    assert (archive.root / file.path).stat().st_size == file.bytes
    assert hashlib.sha256((archive.root / file.path).read_bytes()).hexdigest() == file.sha256
    assert 0o600 == (archive.root / file.path).stat().st_mode & 0o777


def test_events_of_several_days_lie_in_a_file_for_each(connection, archive):
    staged = archive.stage_events(connection, TWO_DAYS, name="kkk-0000", batch=build_batch())
    files = archive.publish_events(connection, staged, build_batch())

    assert ["2026-03-01", "2026-03-02", "2026-03-03"] == [file.date for file in files]
    assert ["a", "b", "c"] == uids(connection, archive, files)
    assert {None} == {archive.describe_alteration(file) for file in files}
    assert 3 == len({file.sha256 for file in files})
    assert [] == list((archive.root / STAGING_FOLDER).iterdir())


def test_a_file_tells_the_times_of_its_first_and_its_last_event(connection, archive):
    def times(select):
        staged = archive.stage_events(connection, select, name="kkk-0000", batch=build_batch())
        files = archive.publish_events(connection, staged, build_batch())
        return [(file.first_time.isoformat(), file.last_time.isoformat()) for file in files]

    assert [("2026-03-01T01:00:00+00:00", "2026-03-01T02:00:00+00:00")] == times(ONE_DAY)
    assert [
        ("2026-03-01T23:59:59.999000+00:00",) * 2,
        ("2026-03-02T00:00:00+00:00",) * 2,
        ("2026-03-03T12:00:00+00:00",) * 2,
    ] == times(TWO_DAYS)


def test_a_replay_overwrites_itself(connection, archive):
    for _ in range(2):
        staged = archive.stage_events(connection, ONE_DAY, name="kkk-0000", batch=build_batch())
        archive.publish_events(connection, staged, build_batch())

    assert 1 == len(list(archive.root.rglob("*.parquet")))


def test_events_that_are_held_already_are_not_written_again(connection, archive):
    staged = archive.stage_events(connection, ONE_DAY, name="one-0000", batch=build_batch())
    first = archive.publish_events(connection, staged, build_batch())
    more = events(
        ("b", "2026-03-01 02:00:00Z"), ("c", "2026-03-01 03:00:00Z"), ("c", "2026-03-01 03:00:00Z")
    )
    staged = archive.stage_events(connection, more, name="two-0000", batch=build_batch())
    second = archive.publish_new_events(connection, staged, SERVED_AGAIN, first)

    assert ["c"] == uids(connection, archive, second)


def test_when_nothing_is_new_nothing_is_written(connection, archive):
    staged = archive.stage_events(connection, ONE_DAY, name="one-0000", batch=build_batch())
    first = archive.publish_events(connection, staged, build_batch())
    staged = archive.stage_events(connection, ONE_DAY, name="two-0000", batch=build_batch())

    assert [] == archive.publish_new_events(connection, staged, SERVED_AGAIN, first)
    assert archive.locate_files(first) == [str(path) for path in archive.root.rglob("*.parquet")]


def test_no_rows_leave_no_file(connection, archive):
    nothing = f"{ONE_DAY} WHERE FALSE"

    assert archive.stage_events(connection, nothing, name="x", batch=build_batch()) is None
    assert [] == list(archive.root.rglob("*.parquet"))


def test_a_select_that_fails_leaves_no_file(connection, archive):
    broken = f"SELECT error('no') AS event_uid, time FROM ({ONE_DAY})"

    with pytest.raises(duckdb.Error):
        archive.stage_events(connection, broken, name="x", batch=build_batch())
    assert [] == list(archive.root.rglob("*.parquet"))


def test_files_of_different_columns_read_as_one_table(connection, archive):
    wide = f"SELECT *, 'x' AS extra FROM ({ONE_DAY})"
    files = []
    for name, select in (("one-0000", ONE_DAY), ("two-0000", wide)):
        staged = archive.stage_events(connection, select, name=name, batch=build_batch())
        files += archive.publish_events(connection, staged, build_batch())
    source = parquet_sql.build_relation(archive.locate_files(files))

    assert {"event_uid", "time", "extra"} == parquet_sql.describe_columns(connection, source)
    needed = parquet_sql.ensure_columns(connection, source, ["extra", "missing"])
    assert {"event_uid", "time", "extra", "missing"} == parquet_sql.describe_columns(
        connection, needed
    )


def test_strays_are_set_aside_and_nothing_else(connection, archive, tmp_path):
    root, aside = archive.root, tmp_path / "strays"
    files = []
    for name in ("kept-0000", "stray-0000"):
        staged = archive.stage_events(connection, ONE_DAY, name=name, batch=build_batch())
        files += archive.publish_events(connection, staged, build_batch())
    (root / STAGING_FOLDER / "half.parquet").write_bytes(b"PAR1")
    stray = (root / files[1].path).read_bytes()

    kept = [files[0].path]

    assert 1 == archive.move_stray_files(kept, target_root=aside)
    assert [root / files[0].path] == list(root.rglob("*.parquet"))
    assert stray == (aside / files[1].path).read_bytes()
    assert 0 == archive.move_stray_files(kept, target_root=aside)


def test_an_archive_says_whose_it_is(archive):
    archive.root.mkdir()
    assert None is archive.read_ledger_id()
    archive.write_ledger_id("a")
    archive.write_ledger_id("b")

    assert "b" == archive.read_ledger_id()
    assert [archive.root / LEDGER_ID_FILE_NAME] == list(archive.root.iterdir())


def test_an_archive_tells_how_long_a_file_is_and_that_it_is_gone(connection, archive):
    staged = archive.stage_events(connection, ONE_DAY, name="kkk-0000", batch=build_batch())
    (file,) = archive.publish_events(connection, staged, build_batch())
    assert file.bytes == archive.measure_file(file)
    assert 1 == archive.count_event_files()

    (archive.root / file.path).unlink()
    assert None is archive.measure_file(file)
    assert 0 == archive.count_event_files()


def test_days_that_lie_far_apart_cost_no_more_than_two(connection, archive):
    """What is between them is not looked for: once it was a statement for each day."""
    select = events(("a", "2000-01-01 00:00:00Z"), ("b", "2027-06-30 12:00:00Z"))
    staged = archive.stage_events(connection, select, name="kkk-0000", batch=build_batch())
    statements = StatementCounter(connection)
    files = archive.publish_events(statements, staged, build_batch())

    assert ["2000-01-01", "2027-06-30"] == [file.date for file in files]
    assert ["a", "b"] == uids(connection, archive, files)
    assert 5 > statements.count


def test_many_days_have_a_file_each(connection, archive):
    days = [datetime(2026, 1, 1, 23, 59, 59, tzinfo=UTC) + timedelta(days=n) for n in range(120)]
    select = events(*((f"e{n:03}", day.isoformat()) for n, day in enumerate(days)))
    staged = archive.stage_events(connection, select, name="kkk-0000", batch=build_batch())
    files = archive.publish_events(connection, staged, build_batch())

    assert [day.date().isoformat() for day in days] == [file.date for file in files]
    assert [f"e{n:03}" for n in range(120)] == uids(connection, archive, files)
    assert days == [file.first_time for file in files]
    assert [] == list((archive.root / STAGING_FOLDER).iterdir())


def test_days_of_which_nothing_is_new_have_no_file(connection, archive):
    staged = archive.stage_events(connection, TWO_DAYS, name="kkk-0000", batch=build_batch())
    files = archive.publish_events(connection, staged, build_batch())
    again = archive.stage_events(connection, TWO_DAYS, name="lll-0000", batch=build_batch())

    assert [] == archive.publish_new_events(connection, again, SERVED_AGAIN, files)
    again = archive.stage_events(connection, TWO_DAYS, name="lll-0000", batch=build_batch())
    (file,) = archive.publish_new_events(connection, again, SERVED_AGAIN, files[:2])
    assert ("2026-03-03", 1) == (file.date, file.rows)


class StatementCounter:
    """A connection that counts what is executed on it."""

    def __init__(self, connection):
        self.count = 0
        self._connection = connection

    def execute(self, statement):
        self.count += 1
        return self._connection.execute(statement)
