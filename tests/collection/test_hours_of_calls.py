"""Hours of polling an org that has everything: the calls that it counts, and who waits how long."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from collector import clock
from collector.demo import EmbeddedOrg, OrgBehaviour, OrgStore
from collector.demo.sobjects import SOBJECTS
from collector.sources import SOURCES
from collector.sources.stored_events import STANDARD_OBJECTS
from fakes.polling_bench import HOUR, MINUTE, build_log_file, open_polling_bench

pytestmark = pytest.mark.slow

STEP = timedelta(seconds=15)
TYPES = [f"Type{number}" for number in range(60)]
THREATS = [name for name in STANDARD_OBJECTS if name.lower() in SOBJECTS]
START = clock.now().replace(minute=0, second=0, microsecond=0)
EVERYTHING = {spec.kind: {} for spec in SOURCES if spec.on_by_default} | {
    "event_log_file": {"lookback": "1h"}
}
DAILY_FILES = 24 * len(TYPES)


class VirtualClock:
    """The time of the org and of this machine, which goes on when it is told to."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self):
        return self.time


@pytest.fixture
def virtual():
    """All that asks for the time gets the virtual one."""
    made = VirtualClock()
    with clock.simulate_time(made):
        yield made


def build_store(hours):
    """Sixty files in each of these hours, for an hour some hours before it."""
    made = OrgStore()
    made.add_files(
        build_log_file(
            100 * hour + number + 1_000,
            START + hour * HOUR - 30 * MINUTE,
            event_type=event_type,
            log_date=START + (hour - 5) * HOUR,
            rows=1,
        )
        for hour in hours
        for number, event_type in enumerate(TYPES)
    )
    return made


def poll_hours(bench, virtual, hours):
    """Poll what is due, as the daemon does. Returns the calls of each hour, and the forecast."""
    calls = []
    for _ in range(hours):
        before = bench.org.api_calls
        for _ in range(int(HOUR / STEP)):
            for source in bench.poller.list_due_sources(virtual.time):
                bench.poller.poll_source(source)
            virtual.time += STEP
        calls.append(bench.org.api_calls - before)
    return calls, bench.poller.api_budget.forecast_calls()


def find_longest_waits(org, since):
    """For each threat detection object, the longest time between two questions."""
    waits = {}
    for name in THREATS:
        times = [
            request.time
            for request in org.request_log
            if f"FROM {name} " in request.query and request.time >= since
        ]
        waits[name] = max(later - earlier for earlier, later in pairwise(times))
    return waits


def test_the_default_configuration_takes_less_than_10000_calls_a_day(virtual, tmp_path):
    store = build_store([2])  # the hour that is counted: no call of an earlier one depends on them
    with (
        EmbeddedOrg(store, behaviour=OrgBehaviour(), clock=virtual) as org,
        open_polling_bench(tmp_path, org, EVERYTHING) as bench,
    ):
        (_, *hours), forecast = poll_hours(bench, virtual, 2)
        waits = find_longest_waits(org, START + MINUTE)

    assert 24 * hours[0] <= 10_000
    assert {MINUTE} == set(waits.values())
    assert forecast.does_fit
    assert [group.configured for group in forecast.groups] == [
        group.interval for group in forecast.groups
    ]
    polls = forecast.configured_calls - forecast.daily_files
    assert polls + DAILY_FILES == pytest.approx(24 * hours[0], rel=0.03)


def test_an_org_with_15000_calls_has_its_threat_detection_within_five_minutes(virtual, tmp_path):
    store, behaviour = build_store(range(-1, 4)), OrgBehaviour(daily_call_limit=15_000)
    with (
        EmbeddedOrg(store, behaviour=behaviour, clock=virtual) as org,
        open_polling_bench(tmp_path, org, EVERYTHING) as bench,
    ):
        _, before = poll_hours(bench, virtual, 1)
        _, forecast = poll_hours(bench, virtual, 1)
        waits = find_longest_waits(org, START + MINUTE)

    assert max(waits.values()) <= 5 * MINUTE, waits
    downloads = forecast.side_calls - before.side_calls
    polls = forecast.own_calls - before.own_calls - downloads
    assert 24 * polls + forecast.side_allowance <= 1_500
    assert forecast.side_calls <= forecast.side_allowance + 4, "four are under way at a time"
