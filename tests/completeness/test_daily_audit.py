"""Daily files audit hourly ones: by type and day, by rows where one asks for it."""

from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from collector.completeness.daily_audit import (
    HourlyDailyComparison,
    compare_daily_files,
    sum_hourly_files,
)
from collector.demo import EmbeddedOrg, InjectedFault, OrgStore
from collector.store import batch_inventory
from fakes.collector_setup import (
    DAY,
    HOUR,
    build_log_file,
    open_test_collector,
    poll_sources,
    write_config,
)

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
FIRST = TODAY - 6 * DAY


def daily(number, day, rows, **changes):
    return build_log_file(number, day, rows=rows, sequence=0, created=day + 30 * HOUR, **changes)


def files():
    """Login on the first day: 3 + 2 late; on the second: 4, of which the hourly file has 3."""
    yield build_log_file(1, FIRST + HOUR)
    yield build_log_file(2, FIRST + HOUR, rows=2, sequence=2, created=FIRST + 50 * HOUR)
    yield build_log_file(3, FIRST + DAY + HOUR)
    yield build_log_file(4, FIRST + 3 * DAY + HOUR)
    yield daily(11, FIRST, 5)
    yield daily(12, FIRST + DAY, 4)
    yield daily(13, FIRST + 2 * DAY, 1)
    yield daily(14, FIRST + DAY, 1, event_type="Logout")


@pytest.fixture
def org():
    store = OrgStore()
    store.add_files(files())
    with EmbeddedOrg(store) as served:
        yield served


@pytest.fixture
def compared(org, tmp_path):
    config = write_config(tmp_path, org, event_log_file={"settle": "0s", "lookback": "9d"})
    with open_test_collector(config) as collector:
        poll_sources(collector)
        (poller,) = collector.pollers
        with collector.database.read() as connection:
            items = batch_inventory.list_inventory_items(
                connection, org="acme", since=FIRST, until=TODAY
            )

        def compare_these(*, since=FIRST, collected="Login", counted="Login"):
            found = compare_daily_files(
                poller.context,
                sum_hourly_files(items),
                since=since,
                until=TODAY,
                is_collected=lambda name: collected in ("*", name),
                is_counted=lambda name: counted in ("*", name),
            )
            return {((one.day - FIRST.date()).days, one.event_type): one for one in found}

        with closing(poller.context.client):
            yield compare_these


def downloads(org):
    return [visit.path for visit in org.request_log if visit.path.endswith("/LogFile")]


def test_rows_of_all_files_of_a_day_are_held_against_the_daily_ones(compared):
    assert {
        (0, "Login"): "equal",
        (1, "Login"): "hourly has 1 fewer",
        (2, "Login"): "only daily",
        (3, "Login"): "only hourly",
    } == {key: one.verdict for key, one in compared().items()}


def test_listing_alone_compares_types_and_bytes_and_downloads_nothing(compared, org):
    before = len(downloads(org))
    found = compared(collected="*", counted="")

    assert before == len(downloads(org))
    assert ("not counted", 2, 1) == (
        found[0, "Login"].verdict,
        found[0, "Login"].hourly_files,
        found[0, "Login"].daily_files,
    )
    assert found[0, "Login"].hourly_bytes > found[0, "Login"].daily_bytes > 0
    assert "only daily" == found[1, "Logout"].verdict


def test_a_type_that_is_not_collected_is_not_missed(compared):
    assert (1, "Logout") not in compared(collected="Login")


def test_a_day_that_was_collected_in_part_is_not_compared(compared):
    assert 0 not in {day for day, _ in compared(since=FIRST + timedelta(seconds=1))}


def test_a_daily_file_that_cannot_be_had_is_told_and_the_others_are_counted(compared, org):
    path = f"/0AT{11:012}AAA/LogFile"
    org.inject_faults(
        InjectedFault(
            address_pattern=path, times=None, status=404, body=[{"errorCode": "NOT_FOUND"}]
        )
    )
    found = compared()

    assert "NOT_FOUND" in found[0, "Login"].trouble
    assert "not counted" == found[0, "Login"].verdict
    assert 4 == found[1, "Login"].daily_rows


@pytest.mark.slow
def test_nothing_of_a_daily_file_remains(compared, tmp_path):
    compared()

    assert [] == [path for path in (tmp_path / "state" / "spool").rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("days", "changes", "short"),
    [
        (4, {"hourly_rows": 2, "daily_rows": 3}, True),
        (4, {"hourly_rows": 4, "daily_rows": 3}, False),
        (4, {"hourly_files": 0}, True),
        (4, {"daily_files": 0}, False),
        (3, {"hourly_rows": 2, "daily_rows": 3}, False),
    ],
)
def test_only_what_can_hardly_come_any_more_is_missing(days, changes, short):
    twins = HourlyDailyComparison(
        **{
            "org": "acme",
            "event_type": "Login",
            "day": FIRST.date(),
            "hourly_files": 1,
            "daily_files": 1,
            **changes,
        }
    )

    assert short == twins.is_incomplete(FIRST + days * DAY)
