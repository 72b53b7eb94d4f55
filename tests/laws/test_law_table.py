"""What holds for every source: stopped, repeated, late or refused, all is there and there once."""

import re
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from itertools import count

import pytest

from collector.demo import InjectedFault
from collector.demo.faults import build_maintenance_fault
from collector.errors import StoppedError
from collector.sources import SOURCES
from fakes.inventory_cases import INVENTORY_CASES, SNAPSHOT_CASES
from fakes.log_cases import LOG_CASES, build_api_event
from fakes.org_simulation import START, VisibleRecord, open_simulation
from fakes.polling_bench import DAY, list_event_uids

pytestmark = pytest.mark.slow


@pytest.fixture(params=LOG_CASES, ids=str)
def log(request):
    return request.param


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What one poll, of which nothing goes wrong, makes of all that a log holds."""
    made = {}

    def archive(log):
        if str(log) not in made:
            with open_simulation() as at:
                at.serve_items([*log.early, *log.late])
                with at.open_polling_bench(tmp_path_factory.mktemp("whole"), log.sources) as bench:
                    assert_ok(bench.poll_sources())
                    made[str(log)] = bench.list_stored_values()
        return made[str(log)]

    return archive


def assert_ok(polled):
    assert {"ok"} == {one.state for one in polled.values()}, polled


# ---- the laws of logs


def test_one_poll_has_all_that_there_is_and_has_it_once(log, whole):
    assert log.events == len(whole(log)) == len(set(whole(log)))


def test_wherever_a_poll_is_stopped_another_process_resumes_it(log, whole, tmp_path):
    """The law holds for every request of the poll, until there is none left to stop it at."""
    with open_simulation() as at:
        at.serve_items([*log.early, *log.late])
        for reading in count(1, 4):
            with at.open_polling_bench(tmp_path / str(reading), log.sources) as bench:
                at.schedule_at_reading(reading, bench.stop.set)
                with suppress(StoppedError):
                    bench.poll_sources()
                ended = not bench.stop.is_set()
            at.advance_time(seconds=1)
            with at.open_polling_bench(tmp_path / str(reading), log.sources) as bench:
                assert_ok(bench.poll_sources())
                assert whole(log) == bench.list_stored_values(), f"stopped at reading {reading}"
            if ended:
                break

    assert reading > 10


def test_polling_again_adds_nothing(log, whole, tmp_path):
    """Nor does it after the cursor was moved back, as far as a poll looks back or a whole day."""
    with open_simulation() as at:
        at.serve_items([*log.early, *log.late])
        with at.open_polling_bench(tmp_path, log.sources) as bench:
            for back in (None, timedelta(), log.overlap, DAY):
                at.advance_time(seconds=1)
                if back is not None:
                    stands = bench.read_cursor(log.source, log.stream).time
                    bench.set_cursor(log.source, log.stream, stands - back)
                assert_ok(bench.poll_sources())
                assert whole(log) == bench.list_stored_values()


def test_what_shows_up_late_is_found_by_a_later_poll(log, whole, tmp_path):
    with open_simulation() as at:
        at.serve_items(log.early)
        with at.open_polling_bench(tmp_path, log.sources) as bench:
            assert_ok(bench.poll_sources())
            before = bench.list_stored_values()
            at.serve_items(log.late)
            at.advance_time(seconds=1)
            assert_ok(bench.poll_sources())

            assert before != bench.list_stored_values()
            assert whole(log) == bench.list_stored_values()


def test_whichever_request_fails_the_next_poll_leaves_no_gap(log, whole, tmp_path):
    with open_simulation() as at:
        at.serve_items([*log.early, *log.late])
        with at.open_polling_bench(tmp_path / "clean", log.sources) as bench:
            bench.poll_sources()
        requests = addresses(at.org.request_log)
        assert 5 <= len(requests) <= 12
        for index, address in enumerate(requests):
            at.time = START
            at.org.inject_faults(build_maintenance_fault(address, None))
            with at.open_polling_bench(tmp_path / str(index), log.sources) as bench:
                polled = bench.poll_sources()
                assert {"failed"} == {one.state for one in polled.values()}, address
                at.org.clear_faults()
                at.advance_time(seconds=1)
                assert_ok(bench.poll_sources())
                assert whole(log) == bench.list_stored_values(), address


def test_whatever_shows_up_while_a_poll_is_at_work_is_found_by_the_next(log, whole, tmp_path):
    with open_simulation() as at:
        at.serve_items(log.early)
        with at.open_polling_bench(tmp_path, log.sources) as bench:
            at.schedule_at_reading(8, lambda: at.serve_items(log.late))
            assert_ok(bench.poll_sources())
            at.advance_time(seconds=1)
            assert_ok(bench.poll_sources())

            assert whole(log) == bench.list_stored_values()


def test_a_file_that_shows_up_late_moves_no_cursor_back(tmp_path):
    first, late = LOG_CASES[0].early[3], LOG_CASES[0].late[1]
    with open_simulation() as at, at.open_polling_bench(tmp_path, LOG_CASES[0].sources) as bench:
        at.serve_items([first])
        assert_ok(bench.poll_sources())
        at.serve_items([late])
        assert_ok(bench.poll_sources())

        assert late.created < first.created == bench.read_cursor("event_log_file", "hourly").time
        assert list_event_uids(first, late) == bench.list_stored_values()


def test_a_window_that_is_read_again_is_read_for_what_shows_up_late(tmp_path):
    """It was taken in, but one before it was not, and so the next poll comes by again."""
    early, later, late = (
        VisibleRecord(name="ApiEvent", row=build_api_event(number, timedelta(hours=-number)))
        for number in (2, 17.7, 17.8)
    )
    sources = {"stored_events": {"objects": ["ApiEvent"]}}
    with open_simulation() as at, at.open_polling_bench(tmp_path, sources) as bench:
        assert_ok(bench.poll_sources())
        at.serve_items([early, later])
        at.advance_time(hours=17, minutes=55)
        obstacle = bench.places.archive.root / "org=acme/event_type=ApiEvent/date=2025-06-02"
        obstacle.parent.mkdir(parents=True)
        obstacle.touch()
        assert {"failed"} == {one.state for one in bench.poll_sources().values()}
        assert ["api-17.7"] == bench.list_stored_values()

        obstacle.unlink()
        at.serve_items([late])
        at.advance_time(minutes=9)
        assert_ok(bench.poll_sources())
        assert ["api-17.7", "api-17.8", "api-2"] == bench.list_stored_values()


def addresses(journal):
    """What was asked for, each as an expression that fits nothing else."""
    return list(dict.fromkeys(f"^{re.escape(f'{one.path}?{one.query}')}$" for one in journal))


# ---- the laws of inventories


@pytest.fixture(params=INVENTORY_CASES, ids=str)
def inventory(request):
    return request.param


def told(bench, inventory):
    events = bench.list_stored_values(f"concat_ws('/', event_type, {inventory.column})")
    return Counter(tuple(event.split("/", 1)) for event in events)


def begin(at, directory, inventory):
    inventory.add_initial(at.org.store)
    with at.open_polling_bench(directory, inventory.sources) as bench:
        assert_ok(bench.poll_sources())
    at.advance_time(minutes=1)


def test_what_has_become_of_it_is_told_once_however_many_processes_look(inventory, tmp_path):
    with open_simulation() as at:
        begin(at, tmp_path, inventory)
        inventory.apply_change(at.org.store)
        for _ in range(3):
            with at.open_polling_bench(tmp_path, inventory.sources) as bench:
                assert_ok(bench.poll_sources())
                at.advance_time(minutes=1)
                assert_ok(bench.poll_sources())
                assert inventory.expected_events == told(bench, inventory)
            at.advance_time(minutes=1)


def test_whichever_request_fails_a_change_is_told_once(inventory, tmp_path):
    def disturbed(directory, fault):
        """What is told after a poll with the fault and one without; what the first asked for."""
        with open_simulation() as at:
            begin(at, directory, inventory)
            inventory.apply_change(at.org.store)
            before = len(at.org.request_log)
            at.org.inject_faults(fault)
            with at.open_polling_bench(directory, inventory.sources) as bench:
                bench.poll_sources()
            asked = addresses(at.org.request_log[before:])
            at.org.clear_faults()
            at.advance_time(minutes=1)
            with at.open_polling_bench(directory, inventory.sources) as bench:
                assert_ok(bench.poll_sources())
                return told(bench, inventory), asked

    _, requests = disturbed(tmp_path / "clean", InjectedFault(address_pattern="nothing"))
    assert 5 <= len(requests) <= 12
    for index, address in enumerate(requests):
        found, _ = disturbed(tmp_path / str(index), build_maintenance_fault(address, None))
        assert inventory.expected_events == found, address


def test_wherever_a_look_is_stopped_a_change_is_told_once(inventory, tmp_path):
    for reading in count(1, 4):
        with open_simulation() as at:
            begin(at, tmp_path / str(reading), inventory)
            inventory.apply_change(at.org.store)
            with at.open_polling_bench(tmp_path / str(reading), inventory.sources) as bench:
                at.schedule_at_reading(reading, bench.stop.set)
                with suppress(StoppedError):
                    bench.poll_sources()
                ended = not bench.stop.is_set()
            at.advance_time(minutes=1)
            with at.open_polling_bench(tmp_path / str(reading), inventory.sources) as bench:
                assert_ok(bench.poll_sources())
                assert inventory.expected_events == told(bench, inventory), (
                    f"stopped at reading {reading}"
                )
        if ended:
            break

    assert reading > 7


@pytest.mark.parametrize("looking", SNAPSHOT_CASES, ids=str)
def test_no_look_is_stored_twice(looking, tmp_path):
    with open_simulation() as at:
        begin(at, tmp_path, looking)
        with at.open_polling_bench(tmp_path, looking.sources) as bench:
            assert_ok(bench.poll_sources())
            found = bench.list_stored_values()

    assert len(found) == len(set(found))


def test_each_look_at_the_limits_is_whole_or_not_at_all(tmp_path):
    with open_simulation() as at:
        for address in ("/token", "/data/?", "/limits", "nothing"):
            at.org.inject_faults(build_maintenance_fault(re.escape(address), None))
            for _ in range(2):
                with at.open_polling_bench(tmp_path, {"org_limits": {}}) as bench:
                    bench.poll_sources()
                    at.org.clear_faults()
                    times = Counter(bench.list_stored_values("time"))
                at.advance_time(minutes=1)

    assert 5 == len(times)
    assert {9} == set(times.values())


def test_every_source_stands_in_a_table():
    """But for the directory, which brings no events and has laws of its own."""
    tabled = {row.source for row in (*LOG_CASES, *SNAPSHOT_CASES)}
    assert {spec.kind for spec in SOURCES} == {*tabled, "directory"}
