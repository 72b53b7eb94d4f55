"""Collecting with real parts: the embedded org, a client, the pipeline and a poller on a state."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from collector import clock, engine
from collector.app.configuration import SETTINGS_MODELS
from collector.archive import parquet_sql
from collector.collection.poller import Poller, PollResult
from collector.demo import ConnectedApp, EmbeddedOrg, OrgLogFile, OrgStore
from collector.detect import RuleSet
from collector.errors import LoginRefusedError
from collector.ingest.pipeline import Pipeline
from collector.ingest.state_paths import StatePaths
from collector.model import Cursor, Stream
from collector.salesforce.client import SalesforceClient
from collector.settings import OrgSettings
from collector.sources import SOURCES, build_sources
from collector.store import api_usage, ledger, ledger_totals
from fakes.databases import open_sqlite_state
from fakes.pipeline_bench import build_login_row, render_elf_csv

SECOND, MINUTE, HOUR, DAY = (
    timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days")
)
MILLISECOND = timedelta(milliseconds=1)
NOW = datetime.now(UTC).replace(microsecond=0)
"""When the tests began, for tables that are made then."""


QUICK_SOURCES = {
    "event_log_file": {"settle": "0s"},
    "stored_events": {"objects": ["ApiEvent"], "lookback": "5h"},
    "setup_audit_trail": {"lookback": "5h"},
}
"""Three sources, of which a first poll takes about a dozen requests."""


class OrgClock:
    """An org's clock, `ahead` of ours; every request reads it once or twice.

    `ring` is called each time with the number of readings so far.
    """

    def __init__(
        self,
        lead: timedelta = timedelta(),
        on_reading: Callable[[int], object] = lambda _number: None,
    ) -> None:
        self.lead = lead
        self.on_reading = on_reading
        self._reading_count = 0

    def __call__(self) -> datetime:
        self._reading_count += 1
        self.on_reading(self._reading_count)
        return clock.now() + self.lead


def build_api_event(number: int, at: datetime) -> dict[str, object]:
    return {"EventIdentifier": f"api-{number}", "EventDate": at, "CreatedDate": at}


def build_audit_row(number: int, at: datetime, **fields: object) -> dict[str, object]:
    return {"Id": f"0Ym{number:012}AAA", "CreatedDate": at, "Action": "createduser", **fields}


def build_log_file(
    number: int, created: datetime, *, rows: int = 2, **fields: object
) -> OrgLogFile:
    """An hourly Login file with rows of its own, for the hour before the one it was created in."""
    hour = created.replace(minute=0, second=0, microsecond=0) - HOUR
    given = {"event_type": "Login", "log_date": hour, "sequence": 1, **fields}
    at = given["log_date"].strftime("%Y-%m-%dT%H:%M:%S.000Z")
    lines = [
        build_login_row(
            line, EVENT_TYPE=given["event_type"], TIMESTAMP_DERIVED=at, USER_NAME=f"{number}-{line}"
        )
        for line in range(rows)
    ]
    return OrgLogFile(
        id=f"0AT{number:012}AAA", created=created, content=render_elf_csv(lines), **given
    )


def list_event_uids(*served: OrgLogFile | Mapping[str, object]) -> list[str]:
    """The `event_uid`s of what an org serves, sorted."""
    return sorted(uid for one in served for uid in _list_uids(one))


def _list_uids(one: OrgLogFile | Mapping[str, object]) -> Iterable[str]:
    if isinstance(one, OrgLogFile):
        return [f"{one.id}:0:{row}" for row in range(1, one.content.count(b"\n"))]
    return [str(one.get("EventIdentifier") or one["Id"])]


@dataclass(frozen=True, slots=True, kw_only=True)
class PollingBench:
    """A poller of the org `acme` on a state directory."""

    org: EmbeddedOrg
    poller: Poller
    places: StatePaths
    stop: threading.Event
    connection: duckdb.DuckDBPyConnection

    @property
    def client(self) -> SalesforceClient:
        return self.poller.context.client

    def poll_sources(self) -> dict[str, PollResult]:
        """One pass over all sources, by the names of the streams. Leaves nothing in the spool."""
        polled: list[PollResult] = []
        try:
            for source in self.poller.sources:
                polled += self.poller.poll_source(source)
        except LoginRefusedError:
            pass
        assert [] == list(self.places.spool.rglob("*.csv"))
        return {
            f"{one.stream.source}/*" if one.stream.name == "*" else one.stream.name: one
            for one in polled
        }

    def list_stored_values(self, columns: str = "event_uid") -> list[object]:
        """A column of every committed event, sorted."""
        with self.poller._database.read() as connection:
            files = ledger.list_archive_files(connection)
        if not files:
            return []
        relation = parquet_sql.build_relation(self.places.archive.locate_files(files))
        with engine.open_cursor(self.connection) as connection:
            rows = connection.execute(f"SELECT {columns} FROM {relation} ORDER BY ALL").fetchall()
        return [row[0] for row in rows]

    def count_lost(self) -> int:
        with self.poller._database.read() as connection:
            return sum(total.lost for total in ledger_totals.list_ledger_totals(connection))

    def read_poll_states(self) -> dict[str, ledger.PollStatus]:
        """How `collector status` sees the streams."""
        with self.poller._database.read() as connection:
            polls = ledger.list_poll_statuses(connection, org="acme")
        return {f"{poll.stream.source}/{poll.stream.name}": poll for poll in polls}

    def read_cursor(self, source: str, name: str) -> Cursor | None:
        with self.poller._database.read() as connection:
            return ledger.read_cursor(connection, Stream(org="acme", source=source, name=name))

    def set_cursor(self, source: str, name: str, at: datetime) -> None:
        """Let a stream stand at a time, as if all before it had been committed."""
        with self.poller._database.begin() as connection:
            stream = Stream(org="acme", source=source, name=name)
            ledger.save_cursor(connection, stream, Cursor(time=at))

    def list_requests(self, words: str) -> list[str]:
        """The paths and queries that the org was asked for and that hold these words."""
        addresses = (f"{visit.path}?{visit.query}" for visit in self.org.request_log)
        return [address for address in addresses if words in address]


@contextmanager
def open_polling_bench(
    directory: Path,
    org: EmbeddedOrg,
    sources: Mapping[str, object],
    *,
    application: ConnectedApp | None = None,
) -> Iterator[PollingBench]:
    """A poller of these sources alone; another one in the same directory is a later process."""
    places = StatePaths(state_dir=directory)
    places.create_folders()
    database = open_sqlite_state(directory)
    connection = engine.open_engine(places.spool)
    stop = threading.Event()
    settings = _build_settings(org.base_url, application or org.application, sources)
    salesforce = SalesforceClient(settings, stop_event=stop, retry_pause=(0, 0))
    try:
        yield PollingBench(
            org=org,
            places=places,
            stop=stop,
            connection=connection,
            poller=Poller(
                org="acme",
                client=salesforce,
                sources=build_sources(settings.sources),
                database=database,
                pipeline=Pipeline(
                    database=database,
                    connection=connection,
                    paths=places,
                    rules=RuleSet(rules=()),
                ),
                spool=places.spool,
                stop_event=stop,
            ),
        )
    finally:
        salesforce.close()
        connection.close()
        database.close()


def _build_settings(
    url: str, application: ConnectedApp, sources: Mapping[str, object]
) -> OrgSettings:
    auth = {
        "flow": "client_credentials",
        "client_id": application.client_id,
        "client_secret": application.client_secret,
    }
    chosen = {spec.kind: sources.get(spec.kind, False) for spec in SOURCES}
    return SETTINGS_MODELS.org.model_validate(
        {"name": "acme", "login_url": url, "auth": auth, "sources": chosen}
    )


@contextmanager
def serve_org(
    *files: OrgLogFile, store: OrgStore | None = None, **options: object
) -> Iterator[EmbeddedOrg]:
    """An org with these log files. It closes while the next test is already at work."""
    store = store or OrgStore()
    store.add_files(files)
    org = EmbeddedOrg(store, **options)
    org.start()
    try:
        yield org
    finally:
        threading.Thread(target=org.stop).start()


def sum_calls_by_source(connection, org: str, *, now: datetime) -> dict[str, int]:
    """The calls of the last 24 hours; sources without any are left out."""
    sums: Counter[str] = Counter()
    for each in api_usage.list_call_sums(connection, org, since=now - api_usage.USAGE_PERIOD):
        sums[each.source] += each.calls
    return dict(+sums)
