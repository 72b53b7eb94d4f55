"""A log file that cannot be read costs few calls, holds the cursor, and is read once it can be."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa

from collector.store import tables
from fakes.polling_bench import (
    HOUR,
    MINUTE,
    build_log_file,
    list_event_uids,
    open_polling_bench,
    serve_org,
)
from fakes.start_time import read_start_time

ELF = {"event_log_file": {"settle": "0s"}}


def count_downloads(bench, file):
    return len(bench.list_requests(f"/{file.id}/LogFile"))


def let_pass(bench, length):
    """Let all that is listed have been listed so much earlier."""
    table = tables.listed_files
    with bench.poller._database.begin() as connection:
        (row,) = connection.execute(sa.select(table).where(table.c.failures > 0))
        connection.execute(
            sa.update(table)
            .where(table.c.key == row.key)
            .values(first_listed=row.first_listed - length, last_listed=row.last_listed - length)
        )


@pytest.mark.slow
def test_it_is_asked_for_at_growing_distances_and_told_meanwhile(tmp_path):
    whole, good = (build_log_file(n, read_start_time() - (9 - n) * HOUR) for n in (1, 2))
    with (
        serve_org(replace(whole, content=b"")) as org,
        open_polling_bench(tmp_path, org, ELF) as bench,
    ):
        for _ in range(2):
            assert "failed" == bench.poll_sources()["hourly"].state
        held, asked = bench.read_cursor("event_log_file", "hourly"), count_downloads(bench, whole)
        assert asked == 4, "two tries each"

        org.store.add_files([good])
        for _ in range(3):
            polled = bench.poll_sources()["hourly"]
            assert "failed" == polled.state
            assert f"Login {whole.id}" in polled.reason
            assert "failed 2 times; asked for again after" in polled.reason
        assert count_downloads(bench, whole) == asked
        assert list_event_uids(good) == bench.list_stored_values(), "others are read meanwhile"
        assert held == bench.read_cursor("event_log_file", "hourly")

        let_pass(bench, 11 * MINUTE)
        bench.poll_sources()
        assert count_downloads(bench, whole) == asked + 2

        org.store.remove_file(whole.id)
        org.store.add_files([whole])
        let_pass(bench, 20 * MINUTE)
        assert "ok" == bench.poll_sources()["hourly"].state
        assert list_event_uids(whole, good) == bench.list_stored_values()
        assert whole.created == bench.read_cursor("event_log_file", "hourly").time


@pytest.mark.slow
def test_the_distance_outlives_the_process(tmp_path):
    broken = build_log_file(1, read_start_time() - 9 * HOUR)
    with serve_org(replace(broken, content=b"")) as org:
        for _ in range(5):
            with open_polling_bench(tmp_path, org, ELF) as bench:
                bench.poll_sources()
        assert count_downloads(bench, broken) == 4
