"""Records of EventLogFile: a date that cannot be costs nothing, a useless record itself alone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from collector.sources.contract import FetchFailure
from collector.sources.log_file import parse_record
from fakes.polling_bench import (
    HOUR,
    build_log_file,
    list_event_uids,
    open_polling_bench,
    serve_org,
)
from fakes.start_time import read_start_time

NOW = datetime(2026, 10, 1, 12, tzinfo=UTC)
ELF = {"event_log_file": {"settle": "0s"}}
RECORD = {
    "Id": "0AT000000000001AAA",
    "EventType": "Login",
    "LogDate": "2026-10-01T06:00:00.000+0000",
    "CreatedDate": "2026-10-01T10:00:00.000+0000",
    "LogFileLength": 100.0,
    "Sequence": 1,
    "LogFile": "/services/data/v67.0/sobjects/EventLogFile/0AT000000000001AAA/LogFile",
}
NEVER = [
    "0001-01-01T00:00:00.000+0000",
    "9999-12-31T23:00:00.000+0000",
    "2050-01-01T00:00:00.000+0000",
    "0000-00-00T00:00:00.000+0000",
    "yesterday",
    None,
    5,
]


@pytest.mark.parametrize("never", NEVER)
def test_a_file_whose_creation_cannot_be_is_one_of_the_time_that_it_is_of(never):
    file = parse_record(RECORD | {"CreatedDate": never}, NOW)

    assert file.created_date == file.log_date == datetime(2026, 10, 1, 6, tzinfo=UTC)


@pytest.mark.parametrize("never", NEVER)
def test_a_record_without_any_date_that_can_be_lists_no_file(never):
    found = parse_record(RECORD | {"CreatedDate": never, "LogDate": never}, NOW)

    assert isinstance(found, FetchFailure)
    assert "neither its CreatedDate nor its LogDate can be" in found.reason


@pytest.mark.slow
def test_a_file_that_is_made_in_the_year_9999_is_read_and_stops_nothing(tmp_path):
    good, odd = (build_log_file(n, read_start_time() - n * HOUR) for n in (1, 2))
    with serve_org(odd, good) as org, open_polling_bench(tmp_path, org, ELF) as bench:
        org.store.remove_rows("EventLogFile", lambda row: row["Id"] == odd.id)
        row = odd.to_row() | {"CreatedDate": datetime(9999, 12, 31, 23, tzinfo=UTC)}
        org.store.add_rows("EventLogFile", row, visible_from=odd.created)
        for _ in range(2):
            assert "ok" == bench.poll_sources()["hourly"].state
        assert list_event_uids(odd, good) == bench.list_stored_values()
        assert good.created == bench.read_cursor("event_log_file", "hourly").time


def test_a_record_that_lists_no_file_is_lost_once_and_the_cursor_goes_on(tmp_path):
    good, later = (build_log_file(n, read_start_time() - (3 - n) * HOUR) for n in (1, 2))
    with serve_org(good) as org, open_polling_bench(tmp_path, org, ELF) as bench:
        bad = good.to_row() | {"Id": "0AT000000000099AAA", "LogFileLength": None}
        org.store.add_rows("EventLogFile", bad)
        first = bench.poll_sources()["hourly"]
        assert "failed" == first.state
        assert "lost: an EventLogFile record cannot be read" in first.reason
        assert 1 == bench.count_lost()

        org.store.add_files([later])
        assert "ok" == bench.poll_sources()["hourly"].state
        assert list_event_uids(good, later) == bench.list_stored_values()
        assert later.created == bench.read_cursor("event_log_file", "hourly").time
        assert 1 == bench.count_lost()
