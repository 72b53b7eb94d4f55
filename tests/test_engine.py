"""The engine: UTC, bounded, and without a network or extensions."""

import threading

import duckdb
import pytest

from collector import engine


@pytest.fixture
def connection():
    opened = engine.open_engine()
    yield opened
    opened.close()


def zone(connection):
    return connection.execute("SELECT current_setting('TimeZone')").fetchone()[0]


def test_every_connection_is_in_utc(connection):
    assert "UTC" == zone(connection)
    assert "UTC" == zone(engine.open_cursor(connection))


def test_a_cursor_serves_another_thread(connection):
    answers = []

    def work():
        answers.append(engine.open_cursor(connection).execute("SELECT 41 + 1").fetchone()[0])

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert [42] == answers


def test_no_extension_is_fetched(connection):
    with pytest.raises(duckdb.Error):
        connection.execute("SELECT '192.0.2.1'::INET")


def test_without_a_scratch_directory_nothing_is_spilled(connection):
    setting = "SELECT value FROM duckdb_settings() WHERE name = 'temp_directory'"
    assert connection.execute(setting).fetchone()[0] in ("", None)
