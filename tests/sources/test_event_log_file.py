"""EventLogFile: every file once, whenever it appears, and one kind of files alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from collector.clock import EPOCH
from collector.completeness.hourly_files import find_quiet_hours
from collector.demo import InjectedFault, OrgBehaviour, OrgLogFile, OrgStore
from collector.demo.faults import build_error_fault, build_maintenance_fault
from collector.model import Batch, BatchState, Stream
from collector.store import batch_inventory, ledger
from collector.store.health_snapshot import read_health_snapshot
from fakes.model_samples import build_batch
from fakes.polling_bench import (
    DAY,
    HOUR,
    MINUTE,
    OrgClock,
    build_log_file,
    list_event_uids,
    open_polling_bench,
    serve_org,
)
from fakes.start_time import read_start_time

ELF = {"event_log_file": {"settle": "0s", "lookback": "10d"}}
SOURCE = "event_log_file"
FREE = OrgBehaviour(hourly_files=False)


def hourly(number, log_date, **fields):
    return build_log_file(number, log_date + 4 * HOUR, log_date=log_date, **fields)


def daily(number, day, **fields):
    return build_log_file(number, day + 28 * HOUR, log_date=day, sequence=0, **fields)


def failing_fetch(bench):
    """A poll that must fail, and what it says."""
    polled = bench.poll_sources()["hourly"]
    assert "failed" == polled.state
    return polled.reason


def downloads(bench):
    return [visit for visit in bench.org.request_log if visit.path.endswith("/LogFile")]


# ---- daily or hourly


def test_of_daily_and_hourly_copies_only_the_hourly_ones_are_read(tmp_path):
    hours, day = (
        [build_log_file(n, read_start_time() - n * HOUR) for n in (5, 6)],
        daily(9, read_start_time() - 2 * DAY),
    )
    with serve_org(*hours, day) as org, open_polling_bench(tmp_path, org, ELF) as bench:
        assert {"hourly"} == bench.poll_sources().keys()
        bench.poll_sources()

        assert list_event_uids(*hours) == bench.list_stored_values()


def test_an_org_without_hourly_files_is_never_asked_for_their_field(tmp_path):
    day = daily(9, read_start_time() - 2 * DAY)
    with serve_org(day, behaviour=FREE) as org, open_polling_bench(tmp_path, org, ELF) as bench:
        assert {"daily": "ok"} == {name: poll.state for name, poll in bench.poll_sources().items()}
        assert list_event_uids(day) == bench.list_stored_values()
        assert [] == bench.list_requests("Interval")


def test_hourly_files_that_the_org_does_not_have_are_unavailable_in_words(tmp_path):
    sources = {SOURCE: {"interval": "hourly"}}
    with serve_org(behaviour=FREE) as org, open_polling_bench(tmp_path, org, sources) as bench:
        polled = bench.poll_sources()["hourly"]

    assert "unavailable" == polled.state
    assert "`interval: auto` reads the daily ones" in polled.reason


@pytest.mark.slow
def test_from_daily_to_hourly_files_every_event_is_read_once(tmp_path):
    """The change is made at a day's beginning, once hourly files reach back before it."""
    today = datetime(
        read_start_time().year, read_start_time().month, read_start_time().day, tzinfo=UTC
    )
    first, second, third = (today - n * DAY for n in (5, 4, 3))
    began = second + 15 * HOUR
    hours = [hourly(100 + n, began + n * HOUR) for n in range(0, 33, 3)]
    days = [daily(n, day) for n, day in enumerate((first, second, third), 1)]
    store = OrgStore()
    store.add_files([days[0]])
    with (
        serve_org(store=store, behaviour=FREE) as org,
        open_polling_bench(tmp_path, org, ELF) as bench,
    ):
        bench.poll_sources()
    store.add_files(hours[:2])
    short = {SOURCE: {"settle": "0s", "lookback": "1h"}}
    with serve_org(store=store) as org, open_polling_bench(tmp_path, org, short) as bench:
        assert {"daily"} == bench.poll_sources().keys(), (
            "hourly files tell only the end of this day"
        )
        store.add_files([days[1]])
        bench.poll_sources()
        store.add_files([*hours[2:], days[2]])
        assert {"hourly"} == bench.poll_sources().keys()
        for hour in hours[:3]:
            store.remove_file(hour.id)
        assert {"hourly"} == bench.poll_sources().keys(), (
            "it stays so when the first ones have expired"
        )

        from_third = [hour for hour in hours if hour.log_date >= third]
        assert list_event_uids(*days[:2], *from_third) == bench.list_stored_values()


@pytest.mark.slow
def test_from_hourly_to_daily_files_no_event_is_lost(tmp_path):
    """A day of which hourly files did not tell the end is read as a whole."""
    today = datetime(
        read_start_time().year, read_start_time().month, read_start_time().day, tzinfo=UTC
    )
    first, second = today - 4 * DAY, today - 3 * DAY
    hours = [hourly(100 + n, first + n * HOUR) for n in range(0, 30, 3)]
    days = [daily(1, first), daily(2, second)]
    store = OrgStore()
    store.add_files(hours)
    with serve_org(store=store) as org, open_polling_bench(tmp_path, org, ELF) as bench:
        bench.poll_sources()
    store.add_files(days)
    with (
        serve_org(store=store, behaviour=FREE) as org,
        open_polling_bench(tmp_path, org, ELF) as bench,
    ):
        assert {"daily"} == bench.poll_sources().keys()
        assert list_event_uids(*hours, days[1]) == bench.list_stored_values()


# ---- which files


def test_files_of_one_created_date_are_all_read_and_none_is_downloaded_again(tmp_path):
    """The list is read again from before the cursor; the ledger knows what was taken in."""
    at = read_start_time() - 2 * HOUR
    files = [build_log_file(n, at) for n in range(5)]
    with serve_org(*files[1:4]) as org, open_polling_bench(tmp_path, org, ELF) as bench:
        bench.poll_sources()
        org.store.add_files([files[0], files[4]])
        bench.poll_sources()
        bench.poll_sources()

        assert list_event_uids(*files) == bench.list_stored_values()
        assert 5 == len(downloads(bench))


def test_a_supplement_that_comes_days_later_is_read_beside_its_hour(tmp_path):
    hour = read_start_time() - 3 * DAY
    first = build_log_file(1, hour + 4 * HOUR, log_date=hour)
    young = build_log_file(2, read_start_time() - HOUR)
    supplement = build_log_file(3, read_start_time() - MINUTE, log_date=hour, sequence=2)
    with serve_org(first, young) as org, open_polling_bench(tmp_path, org, ELF) as bench:
        bench.poll_sources()
        org.store.add_files([supplement])
        bench.poll_sources()

        assert list_event_uids(first, young, supplement) == bench.list_stored_values()


def test_a_file_is_left_alone_until_it_has_settled(tmp_path):
    old, young = (
        build_log_file(1, read_start_time() - HOUR),
        build_log_file(2, read_start_time() - 2 * MINUTE),
    )
    with serve_org(old, young) as org:
        with open_polling_bench(tmp_path, org, {SOURCE: {"settle": "5m"}}) as bench:
            bench.poll_sources()
            assert list_event_uids(old) == bench.list_stored_values()
        with open_polling_bench(tmp_path, org, {SOURCE: {"settle": "1m"}}) as bench:
            bench.poll_sources()
            assert list_event_uids(old, young) == bench.list_stored_values()


def test_only_the_event_types_that_are_wanted_are_downloaded(tmp_path):
    files = [
        build_log_file(n, read_start_time() - HOUR, event_type=name)
        for n, name in enumerate(("Login", "LoginAs", "URI"))
    ]
    sources = {SOURCE: {"settle": "0s", "event_types": ["Login*"]}}
    with serve_org(*files) as org, open_polling_bench(tmp_path, org, sources) as bench:
        bench.poll_sources()

        assert list_event_uids(*files[:2]) == bench.list_stored_values()
        assert 2 == len(downloads(bench))


def test_an_event_type_that_is_no_name_is_left_out_and_told_once(tmp_path):
    hostile = ["../../etc", "Lo gin", "x" * 300, "", "\u202elogin\x00", "a'b"]
    strange = [
        build_log_file(n, read_start_time() - HOUR, event_type=name)
        for n, name in enumerate(hostile)
    ]
    good = build_log_file(100, read_start_time() - HOUR)
    with serve_org(*strange, good) as org, open_polling_bench(tmp_path, org, ELF) as bench:
        reason = failing_fetch(bench)

        assert "no name of an event type" in reason
        assert "\u202e" not in reason
        assert "\x00" not in reason
        assert list_event_uids(good) == bench.list_stored_values()
        assert len(hostile) == bench.count_lost()
        assert 1 == len(downloads(bench))
        assert "ok" == bench.poll_sources()["hourly"].state
        assert ["event_type=Login"] == [
            path.name for path in (bench.places.archive.root / "org=acme").iterdir()
        ]


# ---- files that cannot be had


def test_a_file_that_fails_is_tried_again_and_the_later_ones_are_not_fetched_twice(tmp_path):
    first, broken, last = (
        build_log_file(n, read_start_time() - 5 * HOUR + n * HOUR) for n in range(3)
    )
    with serve_org(first, broken, last) as org, open_polling_bench(tmp_path, org, ELF) as bench:
        org.inject_faults(build_maintenance_fault(broken.id, None, status=200))
        reason = failing_fetch(bench)

        assert f"Login {broken.id}" in reason
        assert "HTML" in reason
        assert list_event_uids(first, last) == bench.list_stored_values()
        assert first.created == bench.read_cursor(SOURCE, "hourly").time

        org.clear_faults()
        assert "ok" == bench.poll_sources()["hourly"].state
        assert list_event_uids(first, broken, last) == bench.list_stored_values()
        fetched = [visit.path.split("/")[-2] for visit in downloads(bench)]
        assert [1, 1] == [fetched.count(first.id), fetched.count(last.id)]


def test_a_file_that_never_can_be_read_comes_after_those_that_can_and_holds_the_cursor(tmp_path):
    broken, *good = (
        build_log_file(n, read_start_time() - 9 * HOUR + n * 2 * HOUR) for n in range(3)
    )
    empty = replace(broken, content=b"")
    with serve_org(empty) as org, open_polling_bench(tmp_path, org, ELF) as bench:
        failing_fetch(bench)
        assert [empty.id] * 2 == [visit.path.split("/")[-2] for visit in downloads(bench)]

        org.store.add_files(good)
        held = bench.read_cursor(SOURCE, "hourly")
        context = bench.poller.context
        (stream,) = bench.poller.sources[0].reader.list_streams(context)
        results = list(bench.poller.sources[0].reader.fetch(context, stream, held))
        assert [True, True, False] == [isinstance(each, Batch) for each in results]

        failing_fetch(bench)
        assert list_event_uids(*good) == bench.list_stored_values()
        assert held == bench.read_cursor(SOURCE, "hourly")


def test_a_first_file_that_fails_does_not_grow_too_old_to_be_looked_for(tmp_path):
    broken = build_log_file(1, read_start_time() - 50 * MINUTE)
    with serve_org(broken) as org:
        org.inject_faults(build_maintenance_fault(broken.id, None, status=200))
        with open_polling_bench(
            tmp_path, org, {SOURCE: {"settle": "0s", "lookback": "1h"}}
        ) as bench:
            failing_fetch(bench)
        org.clear_faults()
        with open_polling_bench(
            tmp_path, org, {SOURCE: {"settle": "0s", "lookback": "1m"}}
        ) as bench:
            bench.poll_sources()

            assert list_event_uids(broken) == bench.list_stored_values()


def test_a_file_that_vanished_after_it_was_listed_is_lost_and_told_once(tmp_path):
    kept, gone = (
        build_log_file(1, read_start_time() - 2 * HOUR),
        build_log_file(2, read_start_time() - HOUR),
    )
    clock = OrgClock()
    with serve_org(kept, gone, clock=clock) as org, open_polling_bench(tmp_path, org, ELF) as bench:

        def vanish(_readings):
            if downloads(bench):
                org.store.remove_file(gone.id)

        clock.on_reading = vanish
        reason = failing_fetch(bench)

        assert f"lost: Login {gone.id} was listed and has been deleted since" in reason
        assert 1 == bench.count_lost()
        assert list_event_uids(kept) == bench.list_stored_values()
        assert "ok" == bench.poll_sources()["hourly"].state


def test_a_missing_file_that_the_org_still_lists_is_tried_again(tmp_path):
    file = build_log_file(1, read_start_time() - HOUR)
    with serve_org(file) as org, open_polling_bench(tmp_path, org, ELF) as bench:
        org.inject_faults(build_error_fault("NOT_FOUND", "gone?", status=404, path="/LogFile"))
        failing_fetch(bench)
        assert 0 == bench.count_lost()

        bench.poll_sources()
        assert list_event_uids(file) == bench.list_stored_values()


def test_a_permission_that_is_taken_away_loses_no_file(tmp_path):
    files = [build_log_file(n, read_start_time() - HOUR) for n in range(3)]
    refusal = build_error_fault(
        "INSUFFICIENT_ACCESS", "no", status=403, path="/LogFile", times=None
    )
    with serve_org(*files) as org, open_polling_bench(tmp_path, org, ELF) as bench:
        org.inject_faults(refusal)
        assert "which permission or licence is missing" in failing_fetch(bench)
        assert 0 == bench.count_lost()

        org.clear_faults()
        bench.poll_sources()
        assert list_event_uids(*files) == bench.list_stored_values()


@pytest.mark.slow
def test_an_org_that_breaks_every_download_is_not_asked_for_each_file(tmp_path):
    files = [build_log_file(n, read_start_time() - HOUR) for n in range(19)]
    with serve_org(*files) as org, open_polling_bench(tmp_path, org, ELF) as bench:
        org.inject_faults(build_maintenance_fault("/LogFile", None))
        failing_fetch(bench)
        # Three that failed, and those that were under way meanwhile, twice each.
        assert len(downloads(bench)) <= 2 * (3 + 3)

        org.clear_faults()
        bench.poll_sources()
        assert list_event_uids(*files) == bench.list_stored_values()


def test_a_record_that_cannot_be_read_hides_no_other(tmp_path):
    good = build_log_file(1, read_start_time() - HOUR)
    with serve_org(good) as org, open_polling_bench(tmp_path, org, ELF) as bench:
        row = good.to_row() | {"Id": "0AT000000000099AAA"}
        org.store.add_rows(
            "EventLogFile",
            row | {"LogFileLength": None},
            row | {"Id": "../../../x"},
            row | {"LogFileLength": "x"},
        )
        assert 3 == failing_fetch(bench).count("cannot be read")
        assert list_event_uids(good) == bench.list_stored_values()


class Misannounced(OrgLogFile):
    """A file that has another length than its record says."""

    def to_row(self):
        return super().to_row() | {"LogFileLength": float(len(self.content) + 7)}


def misannounced(number, age):
    made = build_log_file(number, read_start_time() - age)
    return Misannounced(**{name: getattr(made, name) for name in OrgLogFile.__dataclass_fields__})


@pytest.mark.parametrize(("age", "taken"), [(10 * MINUTE, False), (2 * HOUR, True)])
def test_a_length_that_does_not_fit_is_waited_for_an_hour_and_then_forgiven(tmp_path, age, taken):
    """It may still be being written; but nobody promises what LogFileLength counts."""
    file = misannounced(1, age)
    with serve_org(file) as org, open_polling_bench(tmp_path, org, ELF) as bench:
        bench.poll_sources()

        assert (list_event_uids(file) if taken else []) == bench.list_stored_values()


def test_an_old_file_that_is_cut_short_is_not_forgiven(tmp_path):
    file = misannounced(1, 2 * HOUR)
    with serve_org(file) as org, open_polling_bench(tmp_path, org, ELF) as bench:
        org.inject_faults(InjectedFault(address_pattern="/LogFile", cut_after=40, times=None))
        failing_fetch(bench)

        assert [] == bench.list_stored_values()


def test_a_clock_of_ours_that_was_set_back_is_told(tmp_path):
    with serve_org() as org, open_polling_bench(tmp_path, org, ELF) as bench:
        org.store.add_files([build_log_file(1, read_start_time() - HOUR)])
        bench.set_cursor(SOURCE, "hourly", read_start_time() + timedelta(days=1))

        assert "set the clock by NTP" in failing_fetch(bench)


# ---- times that cannot be

NEVER = [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, tzinfo=UTC)]


@pytest.mark.parametrize("never", NEVER, ids=["year 1", "year 9999"])
def test_a_file_of_no_possible_time_is_read_and_stops_nothing(tmp_path, never):
    created = read_start_time() - 5 * HOUR
    good = build_log_file(1, created)
    odd = replace(build_log_file(2, created - HOUR), log_date=never)
    with serve_org(odd, good) as org, open_polling_bench(tmp_path, org, ELF) as bench:
        for _ in range(2):
            assert "ok" == bench.poll_sources()["hourly"].state

        assert list_event_uids(odd, good) == bench.list_stored_values()
        with bench.poller._database.read() as connection:
            stream = Stream(org="acme", source=SOURCE, name="hourly")
            now = read_start_time()
            assert created > ledger.find_newest_log_time(connection, stream, now=now)
            read_health_snapshot(connection, now=now)
            items = batch_inventory.list_inventory_items(
                connection, org="acme", since=EPOCH, until=now + DAY
            )
    assert [] == list(find_quiet_hours(items))


class Undated(OrgLogFile):
    """A file whose record says no date that can be read."""

    def to_row(self):
        return super().to_row() | {"LogDate": "0000-00-00T00:00:00.000+0000"}


def test_a_file_whose_date_cannot_be_read_is_read_as_of_its_creation(tmp_path):
    made = build_log_file(1, read_start_time() - 5 * HOUR)
    odd = Undated(**{name: getattr(made, name) for name in OrgLogFile.__dataclass_fields__})
    with serve_org(odd) as org, open_polling_bench(tmp_path, org, ELF) as bench:
        assert "ok" == bench.poll_sources()["hourly"].state
        assert list_event_uids(odd) == bench.list_stored_values()


@pytest.mark.parametrize("never", NEVER, ids=["year 1", "year 9999"])
def test_a_state_that_holds_such_a_file_goes_on(tmp_path, never):
    """As versions before have stored it."""
    file = build_log_file(1, read_start_time() - 5 * HOUR)
    with serve_org(file) as org, open_polling_bench(tmp_path, org, ELF) as bench:
        for name in ("hourly", "daily"):
            stream = Stream(org="acme", source=SOURCE, name=name)
            batch = build_batch(key=name * 4, stream=stream, log_time=never, cursor=None)
            with bench.poller._database.begin() as connection:
                entry = ledger.LedgerEntry(state=BatchState.STORED)
                ledger.record_batch(connection, batch, entry, [])

        assert "ok" == bench.poll_sources()["hourly"].state
        assert list_event_uids(file) == bench.list_stored_values()
        with bench.poller._database.read() as connection:
            read_health_snapshot(connection, now=read_start_time())
