"""How long a threat detection event takes to Slack while a backlog of log files is worked off.

    python tests/bench/latency.py [--full]

The daemon is a process of its own; the embedded org and a receiver of webhooks are on loopback, on
the same cores. Every few seconds an ApiAnomalyEventStore record becomes readable; measured is the
time from then until the message about it is at the receiver. Promised: 95 of 100 within the poll
interval and five seconds. `--full` is the backlog of the promise: 400 files of 20,000 rows and one
of 500 MB.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import elf_csv

from collector import clock
from collector.demo import EmbeddedOrg, OrgBehaviour, OrgLogFile, OrgStore
from collector.store.database import DATABASE_FILE_NAME

sys.path.append(str(Path(__file__).parents[1]))
from fakes.slack import run_slack_receiver

HOUR = timedelta(hours=1)
EVERY_SECONDS = 5
ALLOWED_SECONDS = EVERY_SECONDS + 5
HOURS = 12
EVENT_TYPES = ("RestApi", "URI", "ApexExecution", "API", "AuraRequest", "LightningPageView")
QUIET_SECONDS = 20.0
PROGRESS_SECONDS = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """Log files that appear all at once. `hits` events of each are told, too."""

    files: int
    rows: int
    large_bytes: int
    hits: int = 0


DEFAULT_BACKLOG = Backlog(files=40, rows=20_000, large_bytes=50_000_000)
FULL_BACKLOG = Backlog(files=400, rows=20_000, large_bytes=500_000_000)


class ArrivalLog(list[Any]):
    """The bodies that the receiver was given, with the time of each."""

    def __init__(self) -> None:
        super().__init__()
        self.arrivals: list[tuple[float, str]] = []

    def append(self, body: Any) -> None:
        self.arrivals.append((time.monotonic(), json.dumps(body)))
        super().append(body)


@dataclass(slots=True, kw_only=True)
class AnomalyFeed:
    """Records that become readable one after the other, each of a user of its own.

    They tell of several hours: so many of one hour would be a flood, which is one alert.
    """

    store: OrgStore
    readable: dict[str, float] = field(default_factory=dict)

    def add_anomaly(self) -> None:
        """One that can be read from now on."""
        number = len(self.readable)
        name = f"anomaly{number:05}@example.com"
        now = clock.now()
        self.store.add_rows(
            "ApiAnomalyEventStore",
            {
                "Id": f"0eR{number:012}AAA",
                "EventIdentifier": f"00000000-0000-4000-8000-{number:012}",
                "CreatedDate": now,
                "EventDate": now - number % HOURS * HOUR,
                "Score": 0.95,
                "UserId": f"005{number:012}AAA",
                "Username": name,
            },
        )
        self.readable[name] = time.monotonic()


def main() -> None:
    """Print the figures. The exit code is 1 where the promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="the whole backlog of the promise")
    parser.add_argument("--files", type=int)
    parser.add_argument("--hits", type=int, default=0, help="alerts of each file of the backlog")
    parser.add_argument("--pause", type=float, default=3.0, help="seconds between two events")
    parser.add_argument("--limit", type=float, default=3600.0, help="seconds to wait at most")
    chosen = parser.parse_args()
    backlog = FULL_BACKLOG if chosen.full else DEFAULT_BACKLOG
    backlog = replace(backlog, files=chosen.files or backlog.files, hits=chosen.hits)
    with tempfile.TemporaryDirectory(prefix="collector-bench-") as directory:
        sys.exit(_measure_latency(Path(directory), backlog, chosen.pause, chosen.limit))


def _measure_latency(directory: Path, backlog: Backlog, pause: float, limit: float) -> int:
    files = list(_build_files(directory, backlog))
    store = OrgStore()
    feed = AnomalyFeed(store=store)
    behaviour = OrgBehaviour(daily_call_limit=100_000_000)
    with EmbeddedOrg(store, behaviour=behaviour) as org, run_slack_receiver() as receiver:
        log = ArrivalLog()
        receiver.bodies = log
        with _run_daemon(directory, org, receiver.url):
            _feed_for(feed, QUIET_SECONDS, pause)
            quiet_count = len(feed.readable)
            store.add_files(files)
            begun = time.monotonic()
            _feed_until_stored(directory / "state", feed, len(files), pause=pause, limit=limit)
            seconds = time.monotonic() - begun
            _wait_for_messages(feed, log, ALLOWED_SECONDS * 6)
    latencies = _list_latencies(feed, log)
    quiet, busy = latencies[:quiet_count], latencies[quiet_count:]
    rows = (backlog.files * backlog.rows) + files[-1].content.count(b"\n") - 1
    print(f"{len(files)} files with {rows:,} rows: {seconds:,.0f} s, {rows / seconds:,.0f} rows/s")
    _print_figures("before the backlog", quiet)
    return _print_figures("during the backlog", busy)


# ---- the org


def _build_files(directory: Path, backlog: Backlog) -> Iterator[OrgLogFile]:
    """The backlog: the files of several hours and types, and the large one among the last."""
    now = clock.now().replace(microsecond=0)
    hours = [now.replace(minute=0, second=0) - (2 + back) * HOUR for back in range(HOURS)]
    contents = [
        _write_content(directory, backlog.rows, backlog.hits, hour, seed)
        for seed, hour in enumerate(hours)
    ]
    bytes_per_row = len(contents[0]) / backlog.rows
    for number in range(backlog.files):
        hour = number % HOURS
        yield OrgLogFile(
            id=f"0AT{number:012}AAA",
            event_type=EVENT_TYPES[number // HOURS % len(EVENT_TYPES)],
            log_date=hours[hour],
            created=now,
            sequence=1 + number // (HOURS * len(EVENT_TYPES)),
            content=contents[hour],
        )
    yield OrgLogFile(
        id=f"0AT{backlog.files:012}AAA",
        event_type="RestApi",
        log_date=hours[0],
        created=now,
        sequence=99,
        content=_write_content(
            directory, int(backlog.large_bytes / bytes_per_row), backlog.hits, hours[0], HOURS
        ),
    )


def _write_content(directory: Path, rows: int, hits: int, hour: datetime, seed: int) -> bytes:
    path = directory / "content.csv"
    elf_csv.write_log_file(path, rows, hits=hits, seed=seed, start=hour, span=HOUR)
    content = path.read_bytes()
    path.unlink()
    return content


# ---- the daemon


@contextmanager
def _run_daemon(directory: Path, org: EmbeddedOrg, webhook: str) -> Iterator[None]:
    config = directory / "collector.yaml"
    config.write_text(json.dumps(_build_config(directory, org, webhook)))
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "collector", "run", "-c", str(config)],
            env=dict(os.environ),
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
        try:
            yield
        finally:
            begun = time.monotonic()
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)
            print(f"SIGTERM to end: {time.monotonic() - begun:.1f} s, code {process.returncode}")
            print(f"the daemon's peak: {_measure_peak():,.0f} MB")


def _measure_peak() -> float:
    """Of the daemon, which has ended; in MB."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def _build_config(directory: Path, org: EmbeddedOrg, webhook: str) -> dict[str, Any]:
    every = f"{EVERY_SECONDS}s"
    return {
        "state_dir": str(directory / "state"),
        "orgs": [
            {
                "name": "acme",
                "login_url": org.base_url,
                "api_budget_percent": 100,
                "auth": {
                    "flow": "client_credentials",
                    "client_id": org.application.client_id,
                    "client_secret": org.application.client_secret,
                },
                "sources": {
                    "event_log_file": {"every": every, "settle": "0s", "lookback": "2d"},
                    "stored_events": {"every": every},
                },
            }
        ],
        "channels": {"chat": {"type": "slack", "webhook_url": webhook}},
    }


# ---- measuring


def _feed_for(feed: AnomalyFeed, seconds: float, pause: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        feed.add_anomaly()
        time.sleep(pause)


def _feed_until_stored(
    state: Path, feed: AnomalyFeed, files: int, *, pause: float, limit: float
) -> None:
    """Add events until the ledger has all files."""
    begun = told = time.monotonic()
    while (stored := _count_stored(state)) < files and time.monotonic() < begun + limit:
        feed.add_anomaly()
        time.sleep(pause)
        if time.monotonic() > told + PROGRESS_SECONDS:
            told = time.monotonic()
            print(f"{told - begun:6.0f} s: {stored} of {files} files", flush=True)


def _count_stored(state: Path) -> int:
    """The files that are in the ledger as a whole."""
    database = sqlite3.connect(f"file:{state / DATABASE_FILE_NAME}?mode=ro", uri=True, timeout=30)
    with closing(database):
        (count,) = database.execute(
            "SELECT count(*) FROM batches WHERE source = 'event_log_file' AND state = 'stored'"
        ).fetchone()
    return int(count)


def _wait_for_messages(feed: AnomalyFeed, log: ArrivalLog, seconds: float) -> None:
    end = time.monotonic() + seconds
    while len(_find_arrivals(feed, log)) < len(feed.readable) and time.monotonic() < end:
        time.sleep(0.2)


def _find_arrivals(feed: AnomalyFeed, log: ArrivalLog) -> dict[str, float]:
    """By user, when the first message about the user's anomaly came."""
    found: dict[str, float] = {}
    for moment, body in list(log.arrivals):
        at = body.find("anomaly")
        while at >= 0:
            name = body[at : at + len("anomaly00000@example.com")]
            if name in feed.readable:
                found.setdefault(name, moment)
            at = body.find("anomaly", at + 1)
    return found


def _list_latencies(feed: AnomalyFeed, log: ArrivalLog) -> list[float]:
    """Of every event in its order; of one that was never told, infinity."""
    arrivals = _find_arrivals(feed, log)
    return [arrivals.get(name, float("inf")) - at for name, at in feed.readable.items()]


def _print_figures(name: str, latencies: Sequence[float]) -> int:
    if len(latencies) < 2:
        print(f"{name}: too few events")
        return 1
    ordered = sorted(latencies)
    median = statistics.median(ordered)
    p95 = ordered[max(0, -(-95 * len(ordered) // 100) - 1)]
    kept = p95 <= ALLOWED_SECONDS
    print(
        f"{name}: {len(ordered)} events, p50 {median:.1f} s, p95 {p95:.1f} s, max"
        f" {ordered[-1]:.1f} s (allowed: p95 {ALLOWED_SECONDS} s){'' if kept else '  BROKEN'}"
    )
    return 0 if kept else 1


if __name__ == "__main__":
    main()
