"""An org and a collector with a clock each, told by the test; collectors come and go on a state."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from collector import engine
from collector.clock import EPOCH
from collector.demo import EmbeddedOrg, LogFile, Store
from collector.detect import RuleSet
from collector.pipeline import Pipeline, Places
from collector.poll import Poller
from collector.salesforce.client import Client
from collector.settings import Org
from collector.sources import KINDS, build
from collector.store.database import open_database
from fakes.bench import Bench

START = datetime(2025, 6, 2, 12, tzinfo=UTC)

TRIES = 3
"""A request is tried so often before the poll goes on without its answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A record of an object, which the org shows from `visible` on."""

    name: str
    row: Mapping[str, Any]
    visible: datetime = EPOCH


Item = LogFile | Record


class World:
    """The org's time, and how far ours is `ahead` of it. Time goes on only when it is told to."""

    def __init__(self) -> None:
        self.time = START
        self.ahead = timedelta()
        self.org = EmbeddedOrg(Store(), clock=self._read)
        self._strike: tuple[int, Callable[[], object]] | None = None
        self._readings = 0

    def go_on(self, **length: float) -> None:
        self.time += timedelta(**length)

    def our_time(self) -> datetime:
        return self.time + self.ahead

    def serve(self, items: Iterable[Item]) -> None:
        for item in items:
            if isinstance(item, LogFile):
                self.org.store.add_files([item])
            else:
                self.org.store.add(item.name, dict(item.row), visible=item.visible)

    def at_reading(self, number: int, act: Callable[[], object]) -> None:
        """Act when the org reads its clock for that time from now on: once or twice a request."""
        self._readings = 0
        self._strike = (number, act)

    def _read(self) -> datetime:
        self._readings += 1
        if self._strike is not None and self._readings == self._strike[0]:
            _, act = self._strike
            act()
        return self.time

    @contextmanager
    def collecting(self, directory: Path, sources: Mapping[str, object]) -> Iterator[Bench]:
        """A poller of these sources alone; another one in the same directory is a later process."""
        places = Places(state_dir=directory)
        places.make()
        database = open_database(directory)
        connection = engine.connect(places.spool)
        stop = threading.Event()
        settings = self._settings(sources)
        client = Client(settings, stop=stop, retry_pause=(0, 0), now=self.our_time)
        pipeline = Pipeline(
            database=database, connection=connection, places=places, rules=RuleSet(rules=())
        )
        poller = Poller(
            org=settings.name,
            client=client,
            sources=list(build(settings.sources)),
            database=database,
            pipeline=pipeline,
            spool=places.spool,
            stop=stop,
        )
        try:
            yield Bench(org=self.org, poller=poller, places=places, stop=stop)
        finally:
            client.close()
            connection.close()
            database.close()

    def _settings(self, sources: Mapping[str, object]) -> Org:
        auth = {
            "flow": "client_credentials",
            "client_id": self.org.application.client_id,
            "client_secret": self.org.application.client_secret,
        }
        chosen = {kind: sources.get(kind, False) for kind in KINDS}
        return Org.model_validate(
            {"name": "acme", "login_url": self.org.base_url, "auth": auth, "sources": chosen}
        )


@contextmanager
def world() -> Iterator[World]:
    """A world whose org serves. It closes while the next test is already at work."""
    made = World()
    made.org.start()
    try:
        yield made
    finally:
        threading.Thread(target=made.org.stop).start()
