"""What holds for every source: stopped, repeated, late or refused, all is there and there once."""

import re
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from itertools import count

import pytest

from collector.demo import Fault
from collector.demo.faults import maintenance
from collector.errors import Stopped
from collector.sources import KINDS
from fakes.bench import DAY, uids
from fakes.inventories import INVENTORIES, LOOKS
from fakes.logs import LOGS, api_event
from fakes.world import START, Record, world


@pytest.fixture(params=LOGS, ids=str)
def log(request):
    return request.param


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What one poll, of which nothing goes wrong, makes of all that a log holds."""
    made = {}

    def archive(log):
        if str(log) not in made:
            with world() as at:
                at.serve([*log.early, *log.late])
                with at.collecting(tmp_path_factory.mktemp("whole"), log.sources) as bench:
                    assert_ok(bench.poll())
                    made[str(log)] = bench.stored()
        return made[str(log)]

    return archive


def assert_ok(polled):
    assert {"ok"} == {one.state for one in polled.values()}, polled


# ---- the laws of logs


def test_one_poll_has_all_that_there_is_and_has_it_once(log, whole):
    assert log.events == len(whole(log)) == len(set(whole(log)))


def test_wherever_a_poll_is_stopped_another_process_resumes_it(log, whole, tmp_path):
    """The law holds for every request of the poll, until there is none left to stop it at."""
    with world() as at:
        at.serve([*log.early, *log.late])
        for reading in count(1, 2):
            with at.collecting(tmp_path / str(reading), log.sources) as bench:
                at.at_reading(reading, bench.stop.set)
                with suppress(Stopped):
                    bench.poll()
                ended = not bench.stop.is_set()
            at.go_on(seconds=1)
            with at.collecting(tmp_path / str(reading), log.sources) as bench:
                assert_ok(bench.poll())
                assert whole(log) == bench.stored(), f"stopped at reading {reading}"
            if ended:
                break

    assert reading > 10


def test_polling_again_adds_nothing(log, whole, tmp_path):
    """Nor does it after the cursor was moved back, as far as a poll looks back or a whole day."""
    with world() as at:
        at.serve([*log.early, *log.late])
        with at.collecting(tmp_path, log.sources) as bench:
            for back in (None, timedelta(), log.overlap, DAY):
                at.go_on(seconds=1)
                if back is not None:
                    stands = bench.cursor(log.source, log.stream).time
                    bench.stand(log.source, log.stream, stands - back)
                assert_ok(bench.poll())
                assert whole(log) == bench.stored()


def test_what_shows_up_late_is_found_by_a_later_poll(log, whole, tmp_path):
    with world() as at:
        at.serve(log.early)
        with at.collecting(tmp_path, log.sources) as bench:
            assert_ok(bench.poll())
            before = bench.stored()
            at.serve(log.late)
            at.go_on(seconds=1)
            assert_ok(bench.poll())

            assert before != bench.stored()
            assert whole(log) == bench.stored()


def test_whichever_request_fails_the_next_poll_leaves_no_gap(log, whole, tmp_path):
    with world() as at:
        at.serve([*log.early, *log.late])
        with at.collecting(tmp_path / "clean", log.sources) as bench:
            bench.poll()
        requests = addresses(at.org.journal)
        assert 5 <= len(requests) <= 12
        for index, address in enumerate(requests):
            at.time = START
            at.org.fail(maintenance(address, None))
            with at.collecting(tmp_path / str(index), log.sources) as bench:
                polled = bench.poll()
                assert {"failed"} == {one.state for one in polled.values()}, address
                at.org.recover()
                at.go_on(seconds=1)
                assert_ok(bench.poll())
                assert whole(log) == bench.stored(), address


def test_whatever_shows_up_while_a_poll_is_at_work_is_found_by_the_next(log, whole, tmp_path):
    with world() as at:
        at.serve(log.early)
        with at.collecting(tmp_path, log.sources) as bench:
            at.at_reading(8, lambda: at.serve(log.late))
            assert_ok(bench.poll())
            at.go_on(seconds=1)
            assert_ok(bench.poll())

            assert whole(log) == bench.stored()


def test_a_file_that_shows_up_late_moves_no_cursor_back(tmp_path):
    first, late = LOGS[0].early[3], LOGS[0].late[1]
    with world() as at, at.collecting(tmp_path, LOGS[0].sources) as bench:
        at.serve([first])
        assert_ok(bench.poll())
        at.serve([late])
        assert_ok(bench.poll())

        assert late.created < first.created == bench.cursor("event_log_file", "hourly").time
        assert uids(first, late) == bench.stored()


def test_a_window_that_is_read_again_is_read_for_what_shows_up_late(tmp_path):
    """It was taken in, but one before it was not, and so the next poll comes by again."""
    early, later, late = (
        Record(name="ApiEvent", row=api_event(number, timedelta(hours=-number)))
        for number in (2, 17.7, 17.8)
    )
    sources = {"stored_events": {"objects": ["ApiEvent"]}}
    with world() as at, at.collecting(tmp_path, sources) as bench:
        assert_ok(bench.poll())
        at.serve([early, later])
        at.go_on(hours=17, minutes=55)
        obstacle = bench.places.archive / "org=acme/event_type=ApiEvent/date=2025-06-02"
        obstacle.parent.mkdir(parents=True)
        obstacle.touch()
        assert {"failed"} == {one.state for one in bench.poll().values()}
        assert ["api-17.7"] == bench.stored()

        obstacle.unlink()
        at.serve([late])
        at.go_on(minutes=9)
        assert_ok(bench.poll())
        assert ["api-17.7", "api-17.8", "api-2"] == bench.stored()


def addresses(journal):
    """What was asked for, each as an expression that fits nothing else."""
    return list(dict.fromkeys(f"^{re.escape(f'{one.path}?{one.query}')}$" for one in journal))


# ---- the laws of inventories


@pytest.fixture(params=INVENTORIES, ids=str)
def inventory(request):
    return request.param


def told(bench, inventory):
    events = bench.stored(f"concat_ws('/', event_type, {inventory.column})")
    return Counter(tuple(event.split("/", 1)) for event in events)


def begin(at, directory, inventory):
    inventory.begin(at.org.store)
    with at.collecting(directory, inventory.sources) as bench:
        assert_ok(bench.poll())
    at.go_on(minutes=1)


def test_what_has_become_of_it_is_told_once_however_many_processes_look(inventory, tmp_path):
    with world() as at:
        begin(at, tmp_path, inventory)
        inventory.change(at.org.store)
        for _ in range(3):
            with at.collecting(tmp_path, inventory.sources) as bench:
                assert_ok(bench.poll())
                at.go_on(minutes=1)
                assert_ok(bench.poll())
                assert inventory.told == told(bench, inventory)
            at.go_on(minutes=1)


def test_whichever_request_fails_a_change_is_told_once(inventory, tmp_path):
    def disturbed(directory, fault):
        """What is told after a poll with the fault and one without; what the first asked for."""
        with world() as at:
            begin(at, directory, inventory)
            inventory.change(at.org.store)
            before = len(at.org.journal)
            at.org.fail(fault)
            with at.collecting(directory, inventory.sources) as bench:
                bench.poll()
            asked = addresses(at.org.journal[before:])
            at.org.recover()
            at.go_on(minutes=1)
            with at.collecting(directory, inventory.sources) as bench:
                assert_ok(bench.poll())
                return told(bench, inventory), asked

    _, requests = disturbed(tmp_path / "clean", Fault(path="nothing"))
    assert 5 <= len(requests) <= 12
    for index, address in enumerate(requests):
        found, _ = disturbed(tmp_path / str(index), maintenance(address, None))
        assert inventory.told == found, address


def test_wherever_a_look_is_stopped_a_change_is_told_once(inventory, tmp_path):
    for reading in count(1, 2):
        with world() as at:
            begin(at, tmp_path / str(reading), inventory)
            inventory.change(at.org.store)
            with at.collecting(tmp_path / str(reading), inventory.sources) as bench:
                at.at_reading(reading, bench.stop.set)
                with suppress(Stopped):
                    bench.poll()
                ended = not bench.stop.is_set()
            at.go_on(minutes=1)
            with at.collecting(tmp_path / str(reading), inventory.sources) as bench:
                assert_ok(bench.poll())
                assert inventory.told == told(bench, inventory), f"stopped at reading {reading}"
        if ended:
            break

    assert reading > 7


@pytest.mark.parametrize("looking", LOOKS, ids=str)
def test_no_look_is_stored_twice(looking, tmp_path):
    with world() as at:
        begin(at, tmp_path, looking)
        with at.collecting(tmp_path, looking.sources) as bench:
            assert_ok(bench.poll())
            found = bench.stored()

    assert len(found) == len(set(found))


def test_each_look_at_the_limits_is_whole_or_not_at_all(tmp_path):
    with world() as at:
        for address in ("/token", "/data/?", "/limits", "nothing"):
            at.org.fail(maintenance(re.escape(address), None))
            for _ in range(2):
                with at.collecting(tmp_path, {"org_limits": {}}) as bench:
                    bench.poll()
                    at.org.recover()
                    times = Counter(bench.stored("time"))
                at.go_on(minutes=1)

    assert 5 == len(times)
    assert {9} == set(times.values())


def test_every_source_stands_in_a_table():
    assert set(KINDS) == {row.source for row in (*LOGS, *LOOKS)}
