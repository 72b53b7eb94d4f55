"""An hour of minute polls at a simulated time, for `year.py`: what they take, and what they hold.

    python tests/bench/year_clock.py MOMENT tests/bench/year_hour.py FOLDER MINUTES EVENTS...

`collector.yaml` and the state are in the folder. EVENTS are how many events a minute each of the
polled objects has. The embedded org is in the same process: about 40 MB of the memory are its.
"""

from __future__ import annotations

import json
import logging
import os
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from year_history import HOUR, MINUTE, ORG, POLLED_TYPES

from collector import clock
from collector.app.configuration import read_configuration
from collector.app.wiring import Collector, open_collector
from collector.demo import EmbeddedOrg, OrgBehaviour, OrgStore
from collector.sources import SOURCES
from collector.store.database import DATABASE_FILE_NAME

sys.path.append(str(Path(__file__).parents[1]))
from fakes.collector_setup import build_log_file
from fakes.manual_clock import ManualClock

LOG_FILES_AN_HOUR = 24
LOG_FILE_ROWS = 500
PRUNED_MINUTE = 9

DAY_RULES = """\
title: Sign-in
id: 5d0f6e52-7a0e-4a39-9f59-3a1c5d2e0b01
name: signed-in
level: low
logsource: {product: salesforce, service: LoginEvent}
detection: {s: {outcome: success}, condition: s}
---
title: Many sign-ins
id: 5d0f6e52-7a0e-4a39-9f59-3a1c5d2e0b02
name: many-sign-ins
level: low
correlation:
  type: event_count
  rules: [signed-in]
  group-by: [user_id]
  timespan: 24h
  condition: {gte: 900000}
---
title: Many addresses
id: 5d0f6e52-7a0e-4a39-9f59-3a1c5d2e0b03
name: many-addresses
level: low
correlation:
  type: value_count
  rules: [signed-in]
  group-by: [user_id]
  timespan: 24h
  condition: {field: source_ip, gte: 900000}
"""


class HourFigures:
    """Wall and CPU seconds of what was done, by name, and what the process held each minute."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[tuple[float, float]]] = {}
        self.resident: list[int] = []
        self.descriptors: list[int] = []
        self.threads: list[int] = []

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        spent = (time.perf_counter() - wall, time.process_time() - cpu)
        self.seconds.setdefault(name, []).append(spent)

    def note_process(self) -> None:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        self.resident.append(pages * os.sysconf("SC_PAGE_SIZE") >> 20)
        self.descriptors.append(len(list(Path("/proc/self/fd").iterdir())))
        self.threads.append(len(list(Path("/proc/self/task").iterdir())))

    def describe(self) -> dict[str, str]:
        polls = self.seconds["stored_events poll"]
        medians = {f"{name}, ms": _describe_medians(each) for name, each in self.seconds.items()}
        return {
            **medians,
            "  polls of the first half, ms": _describe_medians(polls[1 : len(polls) // 2]),
            "  polls of the second half, ms": _describe_medians(polls[len(polls) // 2 :]),
            "  the slowest poll, ms": _describe_medians([max(polls)]),
            "resident, MB": f"{self.resident[0]} to {self.resident[-1]}",
            "descriptors": f"{self.descriptors[0]} to {self.descriptors[-1]}",
            "threads": f"{self.threads[0]} to {self.threads[-1]}",
        }


def _describe_medians(seconds: Sequence[tuple[float, float]]) -> str:
    """The medians of wall and CPU time, in milliseconds."""
    wall, cpu = (statistics.median(each) * 1000 for each in zip(*seconds, strict=True))
    return f"{wall:,.0f} ({cpu:,.0f})"


def main() -> None:
    """Print the figures as JSON."""
    folder, minutes = Path(sys.argv[1]), int(sys.argv[2])
    events = [int(count) for count in sys.argv[3:]]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    simulated = clock.now
    assert isinstance(simulated, ManualClock)
    figures = HourFigures()
    store = OrgStore()
    behaviour = OrgBehaviour(daily_call_limit=100_000_000)
    with EmbeddedOrg(store, behaviour=behaviour, clock=simulated) as org:
        settings = read_configuration(write_config(folder, org), {}).settings
        with ExitStack() as stack:
            with figures.measure("start"):
                collector = stack.enter_context(open_collector(settings))
                collector.rule_reloader.begin()
            for minute in range(minutes):
                simulated.advance_by(MINUTE)
                add_events(store, simulated.now, events)
                if minute % 60 == 5:
                    add_log_files(store, simulated.now)
                live_minute(collector, figures, minute)
            log = folder / "state" / f"{DATABASE_FILE_NAME}-wal"
            log_bytes = log.stat().st_size if log.exists() else 0
    print(json.dumps({**figures.describe(), "write-ahead log, MB": f"{log_bytes >> 20}"}))


def live_minute(collector: Collector, figures: HourFigures, minute: int) -> None:
    """What the daemon does in a minute, one after the other."""
    for poller in collector.pollers:
        for source in poller.list_due_sources(clock.now()):
            with figures.measure(f"{source.kind} poll"):
                results = poller.poll_source(source)
            if problems := [result.reason for result in results if result.reason]:
                print(problems, file=sys.stderr, flush=True)
    collector.deliverer.drain_channels()
    collector.pipeline.fold_unfolded_matches()
    with figures.measure("compacting"):
        collector.pipeline.compactor.compact_recent_days()
    if minute % 5 == 0:
        with figures.measure("health check"):
            collector.health_monitor.check_health(clock.now())
    if minute == PRUNED_MINUTE:
        with figures.measure("pruning"):
            collector.pruner.prune_when_due(clock.now())
    figures.note_process()


def add_events(store: OrgStore, now: datetime, counts: Sequence[int]) -> None:
    """The events of the minute that is over."""
    for name, count in zip(POLLED_TYPES, counts, strict=True):
        rows = [
            {
                "EventIdentifier": f"{name}-{now:%Y%m%d%H%M}-{number:05}",
                "EventDate": now - (number + 1) * MINUTE / (count + 1),
                "CreatedDate": now - (number + 1) * MINUTE / (count + 1),
                "UserId": f"005{number * 7 % 5000:012}AAA",
                "Username": f"user{number * 7 % 5000}@example.com",
                "SourceIp": f"203.0.113.{number % 250}",
                "LoginKey": f"{now:%H%M}{number:05}",
            }
            for number in range(count)
        ]
        store.add_rows(name, *rows)


def add_log_files(store: OrgStore, now: datetime) -> None:
    """The hourly files that become readable now."""
    hour = now.replace(minute=0, second=0, microsecond=0) - 4 * HOUR
    first = int(hour.timestamp()) // 3600 * 100
    store.add_files(
        build_log_file(
            first + number,
            hour,
            rows=LOG_FILE_ROWS,
            sequence=number + 1,
            event_type="Login",
            created=now - timedelta(seconds=30),
        )
        for number in range(LOG_FILES_AN_HOUR)
    )


def write_config(folder: Path, org: EmbeddedOrg) -> Path:
    """The configuration of this hour: the org's address is another one each time."""
    (folder / "day.yml").write_text(DAY_RULES)
    secret = folder / "client_secret"
    secret.write_text(org.application.client_secret)
    secret.chmod(0o600)
    chosen = {
        "stored_events": {"objects": list(POLLED_TYPES), "big_objects_every": "1m"},
        "event_log_file": {"settle": "0s", "lookback": "1d"},
    }
    auth = {
        "flow": "client_credentials",
        "client_id": org.application.client_id,
        "client_secret": "${file:client_secret}",
    }
    settings = {
        "name": ORG,
        "login_url": org.base_url,
        "api_budget_percent": 100,
        "auth": auth,
        "sources": {spec.kind: chosen.get(spec.kind, False) for spec in SOURCES},
    }
    config = {
        "state_dir": str(folder / "state"),
        "disk_reserve": "100MB",
        "orgs": [settings],
        "rules": {"paths": [str(folder / "day.yml")]},
        "channels": {"here": {"type": "terminal"}},
    }
    path = folder / "collector.yaml"
    path.write_text(json.dumps(config))
    return path


if __name__ == "__main__":
    main()
