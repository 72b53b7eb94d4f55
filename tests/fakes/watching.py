"""An embedded org with a clock of the test's own, watched by a collector that can be restarted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from collector import engine
from collector.archive import read
from collector.assembly import Collector
from collector.demo import Behaviour, EmbeddedOrg, Store
from collector.model import Alert
from collector.pipeline import Places
from collector.poll import Polled
from collector.store import alerts, ledger
from fakes.collecting import collecting, configure, poll
from fakes.nouns import NOON


class Watch:
    """The org's `store`, its time (`at`), and what polling it has brought."""

    def __init__(self, directory: Path, org: EmbeddedOrg, sources: Mapping[str, Any]) -> None:
        self.org = org
        self.store = org.store
        self.places = Places(state_dir=directory / "state")
        self._config = configure(directory, org, **sources)
        self._stack = ExitStack()
        self.collector = self._stack.enter_context(collecting(self._config))

    def restart(self) -> None:
        """End the collector and begin another one on the same state."""
        self.close()
        self.collector: Collector = self._stack.enter_context(collecting(self._config))

    def close(self) -> None:
        self._stack.close()

    def poll(self) -> list[Polled]:
        """One pass over all sources, which must work."""
        polled = poll(self.collector)
        assert [] == [one.reason for one in polled if one.state != "ok"]
        return polled

    def troubles(self) -> str:
        """One pass over all sources, and what did not work in it."""
        return "; ".join(one.reason for one in poll(self.collector))

    def events(self, event_type: str, columns: str) -> list[tuple[Any, ...]]:
        """The stored events of a type, in the order of these columns."""
        with self.collector.database.read() as connection:
            files = ledger.archive_files(connection, event_types=[event_type])
        if not files:
            return []
        source = read.relation(self.places.archive / file.path for file in files)
        connection = engine.connect()
        try:
            return connection.execute(f"SELECT {columns} FROM {source} ORDER BY ALL").fetchall()
        finally:
            connection.close()

    def alerts(self) -> list[Alert]:
        """All alerts, by rule."""
        with self.collector.database.read() as connection:
            return sorted(alerts.listing(connection), key=lambda alert: alert.rule)

    def asked(self, path: str) -> int:
        """How often the org was asked for what stands below a path."""
        return sum(path in visit.path for visit in self.org.journal)


class Clock:
    """The org's time, which goes on only when it is told to."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def go_on(self, **length: float) -> None:
        self.now += timedelta(**length)


@contextmanager
def watching(
    directory: Path, clock: Clock, *, behaviour: Behaviour | None = None, **sources: Any
) -> Iterator[Watch]:
    """A collector with these sources, at an org that is empty at noon."""
    with EmbeddedOrg(Store(), clock=clock, behaviour=behaviour) as org:
        watch = Watch(directory, org, sources)
        try:
            yield watch
        finally:
            watch.close()
