"""Hunting: one SELECT over committed files, and nothing else whatsoever."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from collector import engine
from collector.archive.hunt_directory import HuntDirectory
from collector.archive.hunt_query import run_hunt_query
from collector.archive.local_archive import LocalArchive
from collector.directory.user_claims import UserClaims
from collector.errors import HuntError, HuntLimitError
from collector.model import EntryVersion
from fakes.model_samples import build_batch


@pytest.fixture
def archive(tmp_path):
    store = LocalArchive(root=tmp_path)
    connection = engine.open_engine()
    files = []
    for event_type in ("Login", "Logout"):
        rows = (
            f"SELECT '{event_type}' || i AS event_uid, '{event_type}' AS event_type,"
            " TIMESTAMPTZ '2026-03-01 10:00:00Z' + INTERVAL (i) MINUTE AS time FROM range(5) r (i)"
        )
        staged = store.stage_events(
            connection, rows, name=f"{event_type}-0000", batch=build_batch()
        )
        files += store.publish_events(connection, staged, build_batch(event_type=event_type))
    connection.close()
    return store, files


def ask(archive, sql, **options):
    store, files = archive
    return run_hunt_query(sql, archive=store, files=files, derived_types={}, **options)


def test_events_is_everything_and_each_type_is_a_view(archive):
    assert ((10,),) == ask(archive, "SELECT count(*) FROM events").rows
    assert ((5,),) == ask(archive, "SELECT count(*) FROM login").rows
    assert ("event_uid", "time") == ask(archive, "SELECT event_uid, time FROM Logout").columns


def test_times_are_utc(archive):
    ((time,),) = ask(archive, "SELECT min(time) FROM events").rows

    assert "2026-03-01T10:00:00+00:00" == time.isoformat()


def test_a_derived_view_is_computed_from_its_sources(archive):
    store, files = archive
    view = SimpleNamespace(
        source_types=("Login", "Logout"),
        required_columns=("absent",),
        build_select=lambda relation: f"SELECT count(*) AS n, count(absent) AS a FROM {relation}",
    )
    answer = run_hunt_query(
        "SELECT n, a FROM Sessions", archive=store, files=files, derived_types={"Sessions": view}
    )

    assert ((10, 0),) == answer.rows


def test_files_that_are_not_committed_do_not_exist(archive):
    store, files = archive
    answer = run_hunt_query(
        "SELECT count(*) FROM events", archive=store, files=files[:1], derived_types={}
    )

    assert ((5,),) == answer.rows
    other = store.root / files[1].path
    with pytest.raises(HuntError):
        run_hunt_query(
            f"SELECT * FROM read_parquet('{other}')",
            archive=store,
            files=files[:1],
            derived_types={},
        )


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM '/etc/passwd'",
        "SET memory_limit = '10GB'",
        "ATTACH '/tmp/x.db'",
        "COPY (SELECT 1) TO '/tmp/out.csv'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "CREATE TABLE t AS SELECT 1",
        "DROP VIEW events",
        "SELECT 1; SELECT 2",
        "SELECT 1; COPY (SELECT 1) TO '/tmp/out.csv'",
        "PRAGMA database_list",
        "/* é */ -- ü\n pragma database_list",
        "CALL pragma_version()",
        "EXPORT DATABASE '/tmp/x'",
        "",
        "SELECT FROM WHERE",
        "SELECT * FROM nothing_there",
        "SELECT * FROM read_parquet('https://127.0.0.1:1/x.parquet')",
    ],
)
def test_nothing_but_a_select_over_the_archive_is_run(archive, sql):
    with pytest.raises(HuntError):
        ask(archive, sql)


def test_no_setting_can_be_changed_back(archive):
    with pytest.raises(HuntError):
        ask(archive, "SELECT set_config('enable_external_access', 'true')")


def test_a_query_that_takes_too_long_is_ended(archive):
    endless = "SELECT count(*) FROM range(10000000) a, range(10000000) b"
    with pytest.raises(HuntError, match=r"more than 0.2 seconds"):
        ask(archive, endless, timeout_seconds=0.2)


def test_rows_beyond_the_limit_are_left_out_and_said_so(archive):
    answer = ask(archive, "SELECT * FROM events", limit=3)

    assert 3 == len(answer.rows)
    assert answer.truncated
    assert not ask(archive, "SELECT * FROM events", limit=10).truncated


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.001, 0.3])
def test_the_time_counts_from_opening_files_to_the_last_row(archive, seconds):
    """Rows come at once, and never an end of them."""
    endless = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT n FROM t"
    with pytest.raises(HuntLimitError, match=f"took more than {seconds} seconds"):
        ask(archive, endless, timeout_seconds=seconds, limit=10**9)


@pytest.mark.slow
def test_an_answer_that_memory_cannot_hold_is_refused(archive):
    huge = "SELECT repeat('x', 100000) AS text, [repeat('y', 100000)] AS list FROM range(100000)"
    with pytest.raises(
        HuntLimitError, match=r"the answer has more than 256 MB after 1,\d\d\d rows"
    ):
        ask(archive, huge, limit=100_000)


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        (f"SELECT {'[' * 900}1{']' * 900}", "more than 100 brackets inside one another"),
        (f"SELECT {'[' * 60}1{']' * 60}", "nested more than 50 levels deep"),
        (f"SELECT {'NOT ' * 5000}TRUE", "expression depth"),
        ("SELECT '\ud800'", "no valid text"),
        ("SELECT '\0'", "no valid text"),
        ("SELECT ?", "not provided"),
        ("SELECT repeat('x', 2000000000) FROM range(10)", "(?i)memory"),
    ],
)
def test_what_cannot_be_run_or_shown_is_told_in_words(archive, sql, words):
    with pytest.raises(HuntError, match=words):
        ask(archive, sql)


# ---- the directory


def describe_user(entry_id, day, **values):
    at = datetime(2026, 3, day, tzinfo=UTC)
    return EntryVersion(
        org="acme", kind="user", id=entry_id, valid_from=at, noticed=at, values=values
    )


DIRECTORY = HuntDirectory(
    versions=(
        describe_user("0051", 1, username="login1@acme.com", profile="Standard User"),
        describe_user("0051", 2, username="login1@acme.com", profile="It's <Admin>"),
        describe_user("0052", 1, username="etl@acme.com"),
    ),
    claims=UserClaims(integration_users=("etl@*",)),
)


def test_users_are_as_they_are_now_and_their_versions_as_they_were(archive):
    def ask_directory(sql):
        return ask(archive, sql, directory=DIRECTORY).rows

    assert (("0051", "It's <Admin>", None), ("0052", None, True)) == ask_directory(
        "SELECT id, profile, is_integration FROM users ORDER BY id"
    )
    assert (("Standard User", 1, 2), ("It's <Admin>", 2, None)) == ask_directory(
        "SELECT profile, day(valid_from), day(valid_until) FROM user_versions"
        " WHERE id = '0051' ORDER BY valid_from"
    )
    assert ((10, 2),) == ask_directory(
        "SELECT count(*), count(DISTINCT u.id) FROM events e JOIN users u ON e.event_type = 'Login'"
    )


def test_kinds_of_which_nothing_is_known_are_empty_views(archive):
    assert () == ask(archive, "SELECT name, kind FROM apps", directory=DIRECTORY).rows
    assert () == ask(archive, "SELECT label, valid_until FROM object_versions").rows
