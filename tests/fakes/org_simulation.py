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
from collector.app.configuration import SETTINGS_MODELS
from collector.clock import EPOCH
from collector.collection.poller import Poller
from collector.demo import EmbeddedOrg, OrgLogFile, OrgStore
from collector.detect import RuleSet
from collector.ingest.pipeline import Pipeline
from collector.ingest.state_paths import StatePaths
from collector.salesforce.client import SalesforceClient
from collector.settings import OrgSettings
from collector.sources import SOURCES, build_sources
from fakes.databases import open_sqlite_state
from fakes.polling_bench import PollingBench

START = datetime(2025, 6, 2, 12, tzinfo=UTC)

MAX_TRIES = 3
"""A request is tried so often before the poll goes on without its answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VisibleRecord:
    """A record of an object, which the org shows from `visible` on."""

    name: str
    row: Mapping[str, Any]
    visible_from: datetime = EPOCH


OrgItem = OrgLogFile | VisibleRecord


class OrgSimulation:
    """The org's time, and how far ours is `ahead` of it. Time goes on only when it is told to."""

    def __init__(self) -> None:
        self.time = START
        self.clock_lead = timedelta()
        self.org = EmbeddedOrg(OrgStore(), clock=self._read_clock)
        self._scheduled_action: tuple[int, Callable[[], object]] | None = None
        self._reading_count = 0

    def advance_time(self, **length: float) -> None:
        self.time += timedelta(**length)

    def read_our_time(self) -> datetime:
        return self.time + self.clock_lead

    def serve_items(self, items: Iterable[OrgItem]) -> None:
        for item in items:
            if isinstance(item, OrgLogFile):
                self.org.store.add_files([item])
            else:
                self.org.store.add_rows(item.name, dict(item.row), visible_from=item.visible_from)

    def schedule_at_reading(self, number: int, act: Callable[[], object]) -> None:
        """Act when the org reads its clock for that time from now on: once or twice a request."""
        self._reading_count = 0
        self._scheduled_action = (number, act)

    def _read_clock(self) -> datetime:
        self._reading_count += 1
        if self._scheduled_action is not None and self._reading_count == self._scheduled_action[0]:
            _, act = self._scheduled_action
            act()
        return self.time

    @contextmanager
    def open_polling_bench(
        self, directory: Path, sources: Mapping[str, object]
    ) -> Iterator[PollingBench]:
        """A poller of these sources alone; another one in the same directory is a later process."""
        places = StatePaths(state_dir=directory)
        places.create_folders()
        database = open_sqlite_state(directory)
        connection = engine.open_engine(places.spool)
        stop = threading.Event()
        settings = self._build_settings(sources)
        client = SalesforceClient(
            settings, stop_event=stop, retry_pause=(0, 0), now=self.read_our_time
        )
        pipeline = Pipeline(
            database=database, connection=connection, paths=places, rules=RuleSet(rules=())
        )
        poller = Poller(
            org=settings.name,
            client=client,
            sources=build_sources(settings.sources),
            database=database,
            pipeline=pipeline,
            spool=places.spool,
            stop_event=stop,
        )
        try:
            yield PollingBench(
                org=self.org, poller=poller, places=places, stop=stop, connection=connection
            )
        finally:
            client.close()
            connection.close()
            database.close()

    def _build_settings(self, sources: Mapping[str, object]) -> OrgSettings:
        auth = {
            "flow": "client_credentials",
            "client_id": self.org.application.client_id,
            "client_secret": self.org.application.client_secret,
        }
        chosen = {spec.kind: sources.get(spec.kind, False) for spec in SOURCES}
        return SETTINGS_MODELS.org.model_validate(
            {"name": "acme", "login_url": self.org.base_url, "auth": auth, "sources": chosen}
        )


@contextmanager
def open_simulation() -> Iterator[OrgSimulation]:
    """A world whose org serves. It closes while the next test is already at work."""
    made = OrgSimulation()
    made.org.start()
    try:
        yield made
    finally:
        threading.Thread(target=made.org.stop).start()
