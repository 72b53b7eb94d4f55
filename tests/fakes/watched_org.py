"""An embedded org with a clock of the test's own, watched by a collector that can be restarted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from collector import engine
from collector.app.wiring import Collector
from collector.archive import parquet_sql
from collector.collection.poller import PollResult
from collector.demo import EmbeddedOrg, OrgBehaviour, OrgStore
from collector.ingest.state_paths import StatePaths
from collector.model import Alert
from collector.store import alerts, ledger
from fakes.collector_setup import open_test_collector, poll_sources, write_config
from fakes.model_samples import NOON


class WatchedOrg:
    """The org's `store`, its time (`at`), and what polling it has brought."""

    def __init__(self, directory: Path, org: EmbeddedOrg, sources: Mapping[str, Any]) -> None:
        self.org = org
        self.store = org.store
        self.places = StatePaths(state_dir=directory / "state")
        self._config = write_config(directory, org, **sources)
        self._stack = ExitStack()
        self.collector = self._stack.enter_context(open_test_collector(self._config))

    def restart_collector(self) -> None:
        """End the collector and begin another one on the same state."""
        self.close()
        self.collector: Collector = self._stack.enter_context(open_test_collector(self._config))

    def close(self) -> None:
        self._stack.close()

    def poll_sources(self) -> list[PollResult]:
        """One pass over all sources, which must work."""
        polled = poll_sources(self.collector)
        assert [] == [one.reason for one in polled if one.state != "ok"]
        return polled

    def poll_for_problems(self) -> str:
        """One pass over all sources, and what did not work in it."""
        return "; ".join(one.reason for one in poll_sources(self.collector))

    def list_events(self, event_type: str, columns: str) -> list[tuple[Any, ...]]:
        """The stored events of a type, in the order of these columns."""
        with self.collector.database.read() as connection:
            files = ledger.list_archive_files(connection, event_types=[event_type])
        if not files:
            return []
        source = parquet_sql.build_relation(self.places.archive.locate_files(files))
        connection = engine.open_engine()
        try:
            return connection.execute(f"SELECT {columns} FROM {source} ORDER BY ALL").fetchall()
        finally:
            connection.close()

    def list_alerts(self) -> list[Alert]:
        """All alerts, by rule."""
        with self.collector.database.read() as connection:
            return sorted(alerts.list_alerts(connection), key=lambda alert: alert.rule)

    def count_requests(self, path: str) -> int:
        """How often the org was asked for what stands below a path."""
        return sum(path in visit.path for visit in self.org.request_log)


class SteppedClock:
    """The org's time, which goes on only when it is told to."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def advance_by(self, **length: float) -> None:
        self.now += timedelta(**length)


@contextmanager
def open_watched_org(
    directory: Path, clock: SteppedClock, *, behaviour: OrgBehaviour | None = None, **sources: Any
) -> Iterator[WatchedOrg]:
    """A collector with these sources, at an org that is empty at noon."""
    with EmbeddedOrg(OrgStore(), clock=clock, behaviour=behaviour) as org:
        watch = WatchedOrg(directory, org, sources)
        try:
            yield watch
        finally:
            watch.close()
