"""A hunt over many files opens those that it needs, and finds what it would find in all."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collector import engine
from collector.archive.column_sets import ColumnSetCache
from collector.archive.hunt_query import run_hunt_query
from collector.archive.hunt_views import ALL_TIMES, select_files_of_span
from collector.archive.local_archive import LocalArchive
from collector.archive.parquet_sql import (
    MAX_GROUPS,
    build_grouped_relation,
    build_relation,
    ensure_columns,
)
from collector.archive.time_bounds import TimeBounds
from collector.errors import HuntError, HuntReadError
from collector.normalize.derived_types import DERIVED_EVENT_TYPES
from fakes.model_samples import build_batch

DAYS = 8
HOUR = timedelta(hours=1)


def build_rows(event_type, day):
    """Four events of a day of March, of which the days from the fifth on have another column."""
    natives = ", 'n' || i AS OrderBy" if day < 5 else ", 'n' || i AS orderby, 'x' || i AS LATER"
    return (
        f"SELECT '{event_type}:{day}:' || i AS event_uid, '{event_type}' AS event_type, 'acme' AS"
        f" org, TIMESTAMPTZ '2026-03-0{day} 00:30:00Z' + INTERVAL (i * 6) HOUR AS time,"
        f" TIMESTAMPTZ '2026-03-09 00:00:00Z' AS received, 'user' || i AS user_name,"
        f" CASE WHEN i > 0 THEN '7501v0000000001' || '{day}' END AS job_id, i::BIGINT AS"
        f" record_count, {day}::DOUBLE AS score{natives} FROM range(4) r (i)"
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Files of two types and eight days, and what earlier hunts have learnt of all of them."""
    root = tmp_path_factory.mktemp("hunt")
    store = LocalArchive(root=root / "archive")
    files = []
    with engine.open_engine() as connection:
        for event_type in ("Login", "BulkApi2"):
            for day in range(1, DAYS + 1):
                staged = store.stage_events(
                    connection,
                    build_rows(event_type, day),
                    name=f"{event_type}-{day}",
                    batch=build_batch(),
                )
                batch = build_batch(event_type=event_type)
                files += store.publish_events(connection, staged, batch)
    cache = ColumnSetCache(path=root / "columns.json", committed_files=files)
    ask((store, files), "SELECT count(*) FROM events", cache)
    return store, files, cache


@pytest.fixture
def archive(made, tmp_path):
    """A copy of these files, to do with as one likes."""
    store, files, _ = made
    shutil.copytree(store.root, tmp_path / "archive")
    return LocalArchive(root=tmp_path / "archive"), list(files)


@pytest.fixture
def cache(made, archive, tmp_path):
    """A copy of what was learnt."""
    path = shutil.copy(made[2].path, tmp_path)
    return ColumnSetCache(path=Path(path), committed_files=archive[1])


@pytest.fixture(scope="module")
def every_file(made):
    """An engine that reads every file for every view."""
    store, files, _ = made
    with engine.open_engine() as connection:
        for name in ("Login", "BulkApi2"):
            paths = store.locate_files(file for file in files if file.event_type == name)
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM {build_relation(paths)}")
        relation = build_relation(store.locate_files(files))
        connection.execute(f"CREATE TABLE events AS SELECT * FROM {relation}")
        bulk = DERIVED_EVENT_TYPES["BulkJob"]
        padded = ensure_columns(connection, "BulkApi2", bulk.required_columns)
        connection.execute(f"CREATE TABLE BulkJob AS {bulk.build_select(padded)}")
        yield connection


def ask(archive, sql, cache=None, span=ALL_TIMES):
    store, files = archive
    answer = run_hunt_query(
        sql,
        archive=store,
        files=files,
        derived_types=DERIVED_EVENT_TYPES,
        column_sets=cache,
        span=span,
    )
    return answer.columns, list(answer.rows)


def ask_every_file(connection, sql):
    result = connection.execute(sql)
    return tuple(column[0] for column in result.description), result.fetchall()


def remove_other_days(archive, *days):
    """Remove the files of all days but these, and but the first ones of each set of columns."""
    store, files = archive
    for file in files:
        if int(file.date[-1]) not in {1, 5, *days}:
            (store.root / file.path).unlink()


BOUNDED = [
    "SELECT count(*) FROM events WHERE time >= '2026-03-08'",
    "SELECT event_uid FROM Login WHERE time > TIMESTAMPTZ '2026-03-07 23:00:00Z' ORDER BY 1",
    "SELECT min(time), count(*) FROM events WHERE date_trunc('day', time) = '2026-03-08'",
    "SELECT count(*) FROM events WHERE time BETWEEN '2026-03-08 06:00:00' AND '2026-03-09'",
    "SELECT count(LATER), count(OrderBy) FROM events WHERE time >= '2026-03-08' AND score > 2",
    "WITH late AS (FROM Login WHERE time > '2026-03-08') SELECT count(*) FROM late a, late b",
    "SELECT sum(1) FROM Login a, BulkApi2 b WHERE a.time > '2026-03-08' AND b.time > '2026-03-08'",
    "SELECT count(*) FROM events WHERE time >= now() - (now() - TIMESTAMPTZ '2026-03-08')",
]


@pytest.mark.parametrize("sql", BOUNDED)
def test_files_of_other_times_than_the_query_asks_for_are_not_opened(
    every_file, archive, cache, sql
):
    """They are not there any more."""
    remove_other_days(archive, 8)

    assert ask_every_file(every_file, sql) == ask(archive, sql, cache)


@pytest.mark.parametrize(
    "sql",
    [
        *BOUNDED,
        "SELECT * FROM events ORDER BY time, event_uid",
        "SELECT * FROM Login WHERE time >= '2026-03-08' ORDER BY time, event_uid",
        "SELECT count(*) FROM events WHERE time >= '2026-03-08' OR score = 2",
        "SELECT count(*) FROM events WHERE time >= '2026-03-08' OR time < '2026-03-02'",
        "SELECT count(*) FROM events WHERE NOT time < '2026-03-03'",
        "SELECT count(*) FROM events WHERE time IN ('2026-03-02 00:30:00', '2026-03-05 00:30:00')",
        "SELECT count(*) FROM events WHERE time IS NULL",
        "SELECT count(*) FROM events WHERE time >= '2026-03-05' AND time < '2026-03-02'",
        "SELECT count(*) FROM Login WHERE time >= (SELECT max(time) - INTERVAL 30 HOUR FROM Login)",
        "SELECT count(*), (SELECT count(*) FROM events) FROM events WHERE time >= '2026-03-08'",
        "SELECT (SELECT min(time) FROM Login), count(*) FROM Login WHERE time >= '2026-03-08'",
        "SELECT count(*) FROM Login l LEFT JOIN BulkApi2 b ON l.time >= '2026-03-07'",
        "SELECT count(*) FILTER (time >= '2026-03-08'), count(*) FROM events",
        "SELECT lag(time) OVER (ORDER BY time) t FROM Login QUALIFY time > '2026-03-08' ORDER BY t",
        "SELECT event_uid, time, record_count FROM BulkJob WHERE time >= '2026-03-04' ORDER BY 1",
        "SELECT count(*) FROM events WHERE user_name > $$time >= '2026-03-08'$$ AND score < 7",
        "SELECT count(*) FROM events WHERE time > TIMESTAMPTZ '0044-01-01 (BC)'",
        "SELECT count(*) FROM events WHERE time < TIMESTAMPTZ '290000-01-01'",
        "SELECT count(*) FROM events WHERE time >= '-infinity'",
        "SELECT column_name FROM (DESCRIBE events) WHERE column_name <> 'time'",
        "SELECT count(*) FROM events WHERE time >= '2026-03-08' LIMIT 0",
        "SELECT event_uid FROM events ORDER BY time DESC, event_uid LIMIT 3",
    ],
)
def test_an_answer_is_that_of_all_files(every_file, made, sql):
    store, files, cache = made

    assert ask_every_file(every_file, sql) == ask((store, files), sql, cache)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT nothing FROM Login WHERE time > '2026-03-08'",
        "SELECT time FROM Login WHERE time > 'x'",
    ],
)
def test_a_mistake_is_one_with_many_files_too(made, sql):
    store, files, cache = made
    with pytest.raises(HuntError, match=r"Binder|Conversion"):
        ask((store, files), sql, cache)


def test_columns_are_read_once_of_each_file(archive, cache):
    """A file that has become garbage is not opened for a query that needs none of its events."""
    store, files = archive
    (last,) = (file for file in files if file.event_type == "Login" and file.date == "2026-03-07")
    path = store.root / last.path
    path.write_bytes(bytes(path.stat().st_size))

    assert [(4,)] == ask(archive, "SELECT count(*) FROM Login WHERE time > '2026-03-08'", cache)[1]
    for known in (cache, None):
        with pytest.raises(HuntReadError) as caught:
            ask(archive, "SELECT max(user_name) FROM Login WHERE score > 2", known)
        assert (last.path,) == caught.value.suspects


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT error('broken')",
        "SELECT strptime(user_name, '%Y') FROM events",
        "SELECT user_name::INTEGER FROM events",
        "SELECT * FROM read_parquet('/nowhere.parquet')",
    ],
)
def test_a_mistake_lets_no_file_be_read_whole(made, sql):
    store, files, cache = made
    with pytest.raises(HuntError) as caught:
        ask((store, files), sql, cache)

    assert HuntError is type(caught.value)


@pytest.mark.parametrize(
    "text", [b"", b"\xff", b"[]", b'{"a": 1}', b"[" * 10_000, b"null", b'{"%s": null}']
)
def test_what_was_remembered_may_be_lost(archive, cache, text):
    cache.path.write_bytes(text.replace(b"%s", archive[1][0].path.encode()))

    assert [(64,)] == ask(archive, "SELECT count(*) FROM events", cache)[1]
    assert len(archive[1]) == len(cache.load_column_sets())
    assert 0o600 == cache.path.stat().st_mode & 0o777


def test_a_file_that_was_written_again_is_read_again(archive, cache):
    """With another number of bytes; the others are remembered."""
    store, files = archive
    with engine.open_engine() as connection:
        rows = f"SELECT *, 'new' AS BRAND FROM ({build_rows('Login', 2)})"
        staged = store.stage_events(connection, rows, name="Login-2", batch=build_batch())
        (written,) = store.publish_events(connection, staged, build_batch(event_type="Login"))
    files[[file.path for file in files].index(written.path)] = written

    assert [(4,)] == ask((store, files), "SELECT count(BRAND) FROM events", cache)[1]


def test_so_many_sets_of_columns_that_no_plan_holds_them_are_read_by_name(made):
    store, files, _ = made
    locations = store.locate_files(files)
    groups = [[location] for location in locations] * (MAX_GROUPS // len(locations) + 1)
    with engine.open_engine() as connection:
        for some in (groups[:16], groups):
            relation = build_grouped_relation(some)
            (rows,) = connection.execute(
                f"SELECT count(*), count(OrderBy), count(LATER) FROM {relation}"
            ).fetchall()

            assert (4 * len(some), 4 * len(some), 2 * len(some)) == rows


def test_a_span_holds_its_own_events_alone_and_keeps_every_view(made, tmp_path):
    """A job's other events, before the span, count for its record; the job of the span is found."""
    store, files, _ = made
    span = TimeBounds(
        first=datetime(2026, 3, 7, 0, 30, tzinfo=UTC), last=datetime(2026, 3, 8, 0, 30, tzinfo=UTC)
    )
    late_logins = [file for file in files if file.event_type != "Login" or file.date < "2026-03-04"]

    days = [file.date for file in select_files_of_span(files, span, 0 * HOUR)]
    kept = select_files_of_span(late_logins, span, 24 * HOUR)

    assert 2 * ["2026-03-07", "2026-03-08"] == days
    assert [(4,)] == ask((store, kept), "SELECT count(*) FROM events", span=span)[1]
    assert [(0,)] == ask((store, kept), "SELECT count(*) FROM Login", span=span)[1]
    assert ["2026-03-03"] == [file.date for file in kept if file.event_type == "Login"]
    assert [(datetime(2026, 3, 7, 6, 30, tzinfo=UTC),)] == ask(
        (store, kept), "SELECT time FROM BulkJob", span=span
    )[1]
