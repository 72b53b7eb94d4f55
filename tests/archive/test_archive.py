"""The archive: what is staged is nothing, what is placed is whole, what is swept is a stray."""

from datetime import UTC, datetime

import duckdb
import pytest

from collector import engine
from collector.archive import ledger_marker, parquet_sql, parquet_writer, stray_files
from fakes.model_samples import build_batch

DAY = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def connection():
    opened = engine.open_engine()
    yield opened
    opened.close()


def events(*rows):
    values = ", ".join(f"('{uid}', TIMESTAMPTZ '{time}')" for uid, time in rows)
    return f"SELECT event_uid, time FROM (VALUES {values}) AS v (event_uid, time)"


TWO_DAYS = events(
    ("a", "2026-03-01 23:59:59.999Z"), ("b", "2026-03-02 00:00:00Z"), ("c", "2026-03-03 12:00Z")
)
ONE_DAY = events(("a", "2026-03-01 01:00Z"), ("b", "2026-03-01 02:00Z"))


def uids(connection, root, files):
    source = parquet_sql.build_relation(root / file.path for file in files)
    return sorted(
        row[0] for row in connection.execute(f"SELECT event_uid FROM {source}").fetchall()
    )


def test_events_of_one_day_become_one_file_named_after_the_batch(connection, tmp_path):
    staged = parquet_writer.stage_events(connection, ONE_DAY, root=tmp_path, name="kkk-0000")
    (file,) = parquet_writer.place_events(connection, staged, root=tmp_path, batch=build_batch())

    assert "org=acme/event_type=Login/date=2026-03-01/kkk-0000.parquet" == file.path
    assert (2, "2026-03-01") == (file.rows, file.date)
    assert (tmp_path / file.path).stat().st_size == file.bytes
    assert 0o600 == (tmp_path / file.path).stat().st_mode & 0o777


def test_events_of_several_days_lie_in_a_file_for_each(connection, tmp_path):
    staged = parquet_writer.stage_events(connection, TWO_DAYS, root=tmp_path, name="kkk-0000")
    files = parquet_writer.place_events(connection, staged, root=tmp_path, batch=build_batch())

    assert ["2026-03-01", "2026-03-02", "2026-03-03"] == [file.date for file in files]
    assert ["a", "b", "c"] == uids(connection, tmp_path, files)
    assert [] == list((tmp_path / parquet_writer.STAGING_DIR).iterdir())


def test_a_file_tells_the_times_of_its_first_and_its_last_event(connection, tmp_path):
    def times(select):
        staged = parquet_writer.stage_events(connection, select, root=tmp_path, name="kkk-0000")
        files = parquet_writer.place_events(connection, staged, root=tmp_path, batch=build_batch())
        return [(file.first_time.isoformat(), file.last_time.isoformat()) for file in files]

    assert [("2026-03-01T01:00:00+00:00", "2026-03-01T02:00:00+00:00")] == times(ONE_DAY)
    assert [
        ("2026-03-01T23:59:59.999000+00:00",) * 2,
        ("2026-03-02T00:00:00+00:00",) * 2,
        ("2026-03-03T12:00:00+00:00",) * 2,
    ] == times(TWO_DAYS)


def test_a_replay_overwrites_itself(connection, tmp_path):
    for _ in range(2):
        staged = parquet_writer.stage_events(connection, ONE_DAY, root=tmp_path, name="kkk-0000")
        parquet_writer.place_events(connection, staged, root=tmp_path, batch=build_batch())

    assert 1 == len(list(tmp_path.rglob("*.parquet")))


def test_events_that_are_held_already_are_not_written_again(connection, tmp_path):
    staged = parquet_writer.stage_events(connection, ONE_DAY, root=tmp_path, name="one-0000")
    first = parquet_writer.place_events(connection, staged, root=tmp_path, batch=build_batch())
    more = events(
        ("b", "2026-03-01 02:00Z"), ("c", "2026-03-01 03:00Z"), ("c", "2026-03-01 03:00Z")
    )
    staged = parquet_writer.stage_events(connection, more, root=tmp_path, name="two-0000")
    second = parquet_writer.place_new_events(
        connection,
        staged,
        root=tmp_path,
        batch=build_batch(),
        existing_files=[tmp_path / file.path for file in first],
    )

    assert ["c"] == uids(connection, tmp_path, second)


def test_when_nothing_is_new_nothing_is_written(connection, tmp_path):
    staged = parquet_writer.stage_events(connection, ONE_DAY, root=tmp_path, name="one-0000")
    first = parquet_writer.place_events(connection, staged, root=tmp_path, batch=build_batch())
    staged = parquet_writer.stage_events(connection, ONE_DAY, root=tmp_path, name="two-0000")
    held = [tmp_path / file.path for file in first]

    assert [] == parquet_writer.place_new_events(
        connection, staged, root=tmp_path, batch=build_batch(), existing_files=held
    )
    assert held == list(tmp_path.rglob("*.parquet"))


def test_no_rows_leave_no_file(connection, tmp_path):
    nothing = f"{ONE_DAY} WHERE FALSE"

    assert parquet_writer.stage_events(connection, nothing, root=tmp_path, name="x") is None
    assert [] == list(tmp_path.rglob("*.parquet"))


def test_a_select_that_fails_leaves_no_file(connection, tmp_path):
    broken = f"SELECT error('no') AS event_uid, time FROM ({ONE_DAY})"

    with pytest.raises(duckdb.Error):
        parquet_writer.stage_events(connection, broken, root=tmp_path, name="x")
    assert [] == list(tmp_path.rglob("*.parquet"))


def test_files_of_different_columns_read_as_one_table(connection, tmp_path):
    wide = f"SELECT *, 'x' AS extra FROM ({ONE_DAY})"
    files = []
    for name, select in (("one-0000", ONE_DAY), ("two-0000", wide)):
        staged = parquet_writer.stage_events(connection, select, root=tmp_path, name=name)
        files += parquet_writer.place_events(connection, staged, root=tmp_path, batch=build_batch())
    source = parquet_sql.build_relation(tmp_path / file.path for file in files)

    assert {"event_uid", "time", "extra"} == parquet_sql.describe_columns(connection, source)
    needed = parquet_sql.ensure_columns(connection, source, ["extra", "missing"])
    assert {"event_uid", "time", "extra", "missing"} == parquet_sql.describe_columns(
        connection, needed
    )


def test_strays_are_set_aside_and_nothing_else(connection, tmp_path):
    root, aside = tmp_path / "archive", tmp_path / "strays"
    files = []
    for name in ("kept-0000", "stray-0000"):
        staged = parquet_writer.stage_events(connection, ONE_DAY, root=root, name=name)
        files += parquet_writer.place_events(connection, staged, root=root, batch=build_batch())
    (root / parquet_writer.STAGING_DIR / "half.parquet").write_bytes(b"PAR1")
    stray = (root / files[1].path).read_bytes()

    assert 1 == stray_files.move_stray_files(root, files[:1], target_root=aside)
    assert [root / files[0].path] == list(root.rglob("*.parquet"))
    assert stray == (aside / files[1].path).read_bytes()
    assert 0 == stray_files.move_stray_files(root, files[:1], target_root=aside)


def test_an_archive_says_whose_it_is(tmp_path):
    assert None is ledger_marker.read_ledger_id(tmp_path)
    ledger_marker.write_ledger_id(tmp_path, "a")
    ledger_marker.write_ledger_id(tmp_path, "b")

    assert "b" == ledger_marker.read_ledger_id(tmp_path)
    assert [tmp_path / ledger_marker.LEDGER_ID_FILE_NAME] == list(tmp_path.iterdir())
