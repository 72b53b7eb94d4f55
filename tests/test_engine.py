"""The engine: UTC, bounded, and without a network or extensions."""

import os
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


def read_setting(connection, name):
    return connection.execute(f"SELECT current_setting('{name}')").fetchone()[0]


def test_it_takes_what_it_is_given():
    resources = engine.EngineResources(threads=3, memory_bytes=512 * engine.MIB)
    opened = engine.open_engine(resources=resources)

    assert 3 == engine.count_threads(opened)
    assert "512.0 MiB" == read_setting(opened, "memory_limit")
    opened.close()


def test_without_being_told_it_takes_the_cores_that_the_process_may_use(connection):
    assert engine.choose_resources().threads == engine.count_threads(connection)
    assert 1 <= engine.count_threads(connection) <= len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("quota", "expected"), [("150000 100000", 1), ("50000 100000", 1), ("100000 0", None)]
)
def test_a_quota_of_the_container_counts_as_cores(tmp_path, quota, expected):
    (tmp_path / "cpu.max").write_text(f"{quota}\n")

    assert (expected or len(os.sched_getaffinity(0))) == engine.count_cores(tmp_path)


@pytest.mark.parametrize("limit", ["max", "", "9" * 30])
def test_a_container_without_a_limit_has_the_memory_of_the_machine(tmp_path, limit):
    (tmp_path / "memory.max").write_text(limit)

    assert engine.measure_memory(tmp_path / "nowhere") == engine.measure_memory(tmp_path)


def test_a_limit_of_the_container_is_the_memory_there_is(tmp_path):
    (tmp_path / "memory.max").write_text(f"{700 * engine.MIB}\n")

    assert 700 * engine.MIB == engine.measure_memory(tmp_path)


@pytest.mark.parametrize("memory", [256 * 10**6, 512 * engine.MIB, 4096 * engine.MIB])
def test_engines_side_by_side_have_no_more_together_than_was_set(memory):
    shares = engine.share_resources(engine.EngineResources(threads=4, memory_bytes=memory))
    limits = [each.memory_bytes for each in (shares.main, shares.compaction, shares.spare)]

    assert sum(limits) <= memory
    assert limits[0] >= memory // 2
    assert (4, 1, 1) == (shares.main.threads, shares.compaction.threads, shares.spare.threads)
