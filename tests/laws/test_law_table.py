"""What holds for every source: stopped, repeated, late or refused, all is there and there once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import count

import pytest

from collector.demo import BulkJob, Fault, Store
from collector.demo.faults import maintenance
from collector.errors import Stopped
from collector.sources import KINDS
from fakes.bench import DAY, HOUR, MILLISECOND, MINUTE, log_file
from fakes.world import START, TRIES, Item, Record, world

# ---- the table of logs


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """A log that an org keeps: what it holds at START, and what shows up in it after a poll.

    `overlap` is how far before the cursor a poll looks. `events` is what there is in all.
    """

    source: str
    stream: str
    settings: Mapping[str, object]
    early: Sequence[Item]
    late: Sequence[Item]
    overlap: timedelta
    events: int

    @property
    def sources(self) -> Mapping[str, object]:
        return {self.source: self.settings}

    def __str__(self) -> str:
        return f"{self.source}/{self.stream}"


AGES = (23 * HOUR, 15 * HOUR, 15 * HOUR, 3 * HOUR, 5 * MINUTE)
"""In each of the three windows of a day something; two at the very same time."""


def records(name: str, make: Callable[[int, timedelta], Mapping[str, object]]) -> dict[str, object]:
    """The items of a log that is read in windows."""
    rows = [Record(name=name, row=make(number, age)) for number, age in enumerate(AGES)]
    late = [Record(name=name, row=make(77, 9 * MINUTE)), Record(name=name, row=make(78, HOUR / 60))]
    return {
        "stream": name,
        "early": rows,
        "late": late,
        "overlap": 10 * MINUTE,
        "events": len(rows) + len(late),
    }


def api_event(number, age):
    # Long ago it was written down, and only EventDate can be asked for.
    return {"EventIdentifier": f"api-{number}", "EventDate": START - age, "CreatedDate": START}


def anomaly(number, age):
    # What it tells of was long ago; when it was written down counts.
    at = {"EventDate": START - 9 * DAY, "CreatedDate": START - age}
    return {"Id": f"0eR{number:012}AAA", "EventIdentifier": f"anomaly-{number}", **at}


def change(number, age):
    return {"Id": f"0Ym{number:012}AAA", "CreatedDate": START - age, "Action": "createduser"}


def sign_in(number, age):
    return {"Id": f"0Ya{number:012}AAA", "LoginTime": START - age, "Status": "Success"}


def logged(number, age):
    return {"Timestamp": START - age, "RequestIdentifier": f"request-{number}"}


HOURLY = [log_file(n, START - age) for n, age in enumerate(AGES[:4])]
DAILY = [
    log_file(10 + n, START - age, sequence=0, log_date=START - 2 * DAY)
    for n, age in enumerate(AGES[:4])
]
OLD = {"log_date": START - 3 * DAY}
SUPPLEMENT = {"log_date": HOURLY[3].log_date, "sequence": 2}

LOGS = [
    Log(
        source="event_log_file",
        stream="hourly",
        settings={"settle": "0s"},
        early=[*HOURLY, DAILY[0]],
        late=[
            log_file(20, START - 2 * MINUTE, **OLD),
            log_file(21, START - 3 * HOUR - 50 * MINUTE, **SUPPLEMENT),
        ],
        overlap=HOUR,
        events=12,
    ),
    Log(
        source="event_log_file",
        stream="daily",
        settings={"settle": "0s", "interval": "daily"},
        early=[*DAILY, HOURLY[0]],
        late=[log_file(22, START - 2 * MINUTE, sequence=0, **OLD)],
        overlap=HOUR,
        events=10,
    ),
    Log(
        source="stored_events",
        settings={"objects": ["ApiEvent"]},
        **records("ApiEvent", api_event),
    ),
    Log(
        source="stored_events",
        settings={"objects": ["ApiAnomalyEventStore"]},
        **records("ApiAnomalyEventStore", anomaly),
    ),
    Log(source="setup_audit_trail", settings={}, **records("SetupAuditTrail", change)),
    Log(source="login_history", settings={}, **records("LoginHistory", sign_in)),
    Log(
        source="event_log_objects",
        settings={"objects": ["LoginEventLog"], "overlap": "10m"},
        **records("LoginEventLog", logged),
    ),
]


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


def test_an_error_of_any_request_leaves_no_gap(log, whole, tmp_path):
    with world() as at:
        at.serve([*log.early, *log.late])
        with at.collecting(tmp_path / "clean", log.sources) as bench:
            bench.poll()
        requests = len(at.org.journal)
        assert 5 <= requests <= 12
        for index in range(requests):
            at.go_on(seconds=1)
            fail_at(at.org, index)
            with at.collecting(tmp_path / str(index), log.sources) as bench:
                assert {"failed"} == {one.state for one in bench.poll().values()}
                at.org.recover()
                at.go_on(seconds=1)
                assert_ok(bench.poll())
                assert whole(log) == bench.stored(), f"request {index} of {requests} failed"


def test_whatever_shows_up_while_a_poll_is_at_work_is_found_by_the_next(log, whole, tmp_path):
    with world() as at:
        at.serve(log.early)
        with at.collecting(tmp_path, log.sources) as bench:
            at.at_reading(8, lambda: at.serve(log.late))
            assert_ok(bench.poll())
            at.go_on(seconds=1)
            assert_ok(bench.poll())

            assert whole(log) == bench.stored()


def fail_at(org, index):
    """Let the request of that index fail as often as it is tried."""
    if index:
        org.fail(Fault(times=index))
    org.fail(maintenance("", TRIES))


# ---- inventories: what there is, compared with what there was


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """A source that tells of changes: the org before, what becomes of it, and what is told.

    `told` counts the events after the change, by type and the value of `column`.
    """

    source: str
    begin: Callable[[Store], None]
    change: Callable[[Store], None]
    column: str
    told: Mapping[tuple[str, str], int]

    @property
    def sources(self) -> Mapping[str, object]:
        return {self.source: {}}

    def __str__(self) -> str:
        return self.source


def job(number: int, **changes) -> BulkJob:
    return BulkJob(
        **{
            "id": f"750{number:012}AAA",
            "kind": "V2Query",
            "operation": "query",
            "object": "Contact",
            "created_by": "005000000000001AAA",
            "created": START - HOUR,
            "finished": START - HOUR + MINUTE,
            "records": 100,
            **changes,
        }
    )


def token(number: int) -> Mapping[str, object]:
    return {
        "AppName": f"App {number}",
        "UserId": "005000000000001AAA",
        "CreatedDate": START - DAY,
        "DeleteToken": f"delete-{number}",
    }


def add_jobs(store: Store) -> None:
    ingest = {"kind": "V2Ingest", "operation": "insert"}
    store.add_jobs([job(1), job(2), job(3, **ingest)])


def change_jobs(store: Store) -> None:
    store.add_jobs([job(1, deleted=START), job(4)])


def add_tokens(store: Store) -> None:
    store.add("OauthToken", token(1), token(2))


def change_tokens(store: Store) -> None:
    store.remove("OauthToken", lambda row: row["AppName"] == "App 1")
    store.add("OauthToken", token(3))


INVENTORIES = [
    Inventory(
        source="bulk_jobs",
        begin=add_jobs,
        change=change_jobs,
        column="job_id",
        told={
            **{("BulkJobInfo", job(number).id): 1 for number in (1, 2, 3, 4)},
            ("BulkJobRemoved", job(1).id): 1,
        },
    ),
    Inventory(
        source="oauth_tokens",
        begin=add_tokens,
        change=change_tokens,
        column="app_name",
        told={("OauthTokenGranted", "App 3"): 1, ("OauthTokenRemoved", "App 1"): 1},
    ),
]

LOOKS = [*INVENTORIES, Inventory(
    source="org_limits",
    begin=lambda _: None,
    change=lambda _: None,
    column="detail",
    told={},
)]


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


@pytest.mark.parametrize("trouble", ["error", "stop"])
def test_whichever_request_comes_to_nothing_a_change_is_told_once(inventory, trouble, tmp_path):
    for index in range(20):
        with world() as at:
            begin(at, tmp_path / str(index), inventory)
            inventory.change(at.org.store)
            with at.collecting(tmp_path / str(index), inventory.sources) as bench:
                if trouble == "error":
                    fail_at(at.org, index)
                else:
                    at.at_reading(2 * index + 1, bench.stop.set)
                states = {"stopped"}
                with suppress(Stopped):
                    states = {one.state for one in bench.poll().values()}
            at.org.recover()
            at.go_on(minutes=1)
            with at.collecting(tmp_path / str(index), inventory.sources) as bench:
                assert_ok(bench.poll())
                assert inventory.told == told(bench, inventory), f"{trouble} at {index}"
            if states == {"ok"}:
                break

    assert 4 <= index <= 12
    assert {"ok"} == states


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
        for index in range(4):
            fail_at(at.org, index)
            for _ in range(2):
                with at.collecting(tmp_path, {"org_limits": {}}) as bench:
                    bench.poll()
                    at.org.recover()
                    times = Counter(bench.stored("time"))
                at.go_on(minutes=1)

    assert 4 <= len(times) <= 8
    assert {9} == set(times.values())


def test_every_source_stands_in_a_table():
    assert set(KINDS) == {row.source for row in (*LOGS, *LOOKS)}
