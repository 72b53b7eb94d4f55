"""Collecting with real parts: the embedded org, a client, the pipeline and a poller on a state."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from collector import clock, engine
from collector.archive import read
from collector.demo import Application, EmbeddedOrg, LogFile, Store
from collector.detect import RuleSet
from collector.errors import LoginRefused
from collector.model import Cursor, Stream
from collector.pipeline import Pipeline, Places
from collector.poll import Polled, Poller
from collector.salesforce.client import Client
from collector.settings import Org
from collector.sources import KINDS, build
from collector.store import ledger
from collector.store.database import open_database
from fakes.path import elf_csv, login

SECOND, MINUTE, HOUR, DAY = (
    timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days")
)
MILLISECOND = timedelta(milliseconds=1)
NOW = datetime.now(UTC).replace(microsecond=0)
"""When the tests began, for tables that are made then."""


class Present:
    """When the present test began: the org's clock and ours are a little later."""

    began = NOW

    @classmethod
    def begin(cls) -> None:
        # An org tells its time in whole seconds, so what has just begun may still be ahead of it.
        cls.began = datetime.now(UTC).replace(microsecond=0) - 3 * SECOND


def now() -> datetime:
    return Present.began


QUICK = {
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
        ahead: timedelta = timedelta(),
        ring: Callable[[int], object] = lambda _number: None,
    ) -> None:
        self.ahead = ahead
        self.ring = ring
        self._read = 0

    def __call__(self) -> datetime:
        self._read += 1
        self.ring(self._read)
        return clock.now() + self.ahead


def api_event(number: int, at: datetime) -> dict[str, object]:
    return {"EventIdentifier": f"api-{number}", "EventDate": at, "CreatedDate": at}


def audit(number: int, at: datetime, **fields: object) -> dict[str, object]:
    return {"Id": f"0Ym{number:012}AAA", "CreatedDate": at, "Action": "createduser", **fields}


def log_file(number: int, created: datetime, *, rows: int = 2, **fields: object) -> LogFile:
    """An hourly Login file with rows of its own, for the hour before the one it was created in."""
    hour = created.replace(minute=0, second=0, microsecond=0) - HOUR
    given = {"event_type": "Login", "log_date": hour, "sequence": 1, **fields}
    at = given["log_date"].strftime("%Y-%m-%dT%H:%M:%S.000Z")
    lines = [
        login(
            line, EVENT_TYPE=given["event_type"], TIMESTAMP_DERIVED=at, USER_NAME=f"{number}-{line}"
        )
        for line in range(rows)
    ]
    return LogFile(id=f"0AT{number:012}AAA", created=created, content=elf_csv(lines), **given)


def uids(*served: LogFile | Mapping[str, object]) -> list[str]:
    """The `event_uid`s of what an org serves, sorted."""
    return sorted(uid for one in served for uid in _uids(one))


def _uids(one: LogFile | Mapping[str, object]) -> Iterable[str]:
    if isinstance(one, LogFile):
        return [f"{one.id}:0:{row}" for row in range(1, one.content.count(b"\n"))]
    return [str(one.get("EventIdentifier") or one["Id"])]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A poller of the org `acme` on a state directory."""

    org: EmbeddedOrg
    poller: Poller
    places: Places
    stop: threading.Event

    @property
    def client(self) -> Client:
        return self.poller.context.client

    def poll(self) -> dict[str, Polled]:
        """One pass over all sources, by the names of the streams. Leaves nothing in the spool."""
        polled: list[Polled] = []
        try:
            for source in self.poller.sources:
                polled += self.poller.poll(source)
        except LoginRefused:
            pass
        assert [] == list(self.places.spool.rglob("*.csv"))
        return {
            f"{one.stream.source}/*" if one.stream.name == "*" else one.stream.name: one
            for one in polled
        }

    def stored(self, columns: str = "event_uid") -> list[object]:
        """A column of every committed event, sorted."""
        with self.poller._database.read() as connection:
            files = ledger.archive_files(connection)
        if not files:
            return []
        relation = read.relation(self.places.archive / file.path for file in files)
        with engine.connect() as connection:
            rows = connection.execute(f"SELECT {columns} FROM {relation} ORDER BY ALL").fetchall()
        return [row[0] for row in rows]

    def lost(self) -> int:
        with self.poller._database.read() as connection:
            return sum(total.lost for total in ledger.totals(connection))

    def states(self) -> dict[str, ledger.Poll]:
        """How `collector status` sees the streams."""
        with self.poller._database.read() as connection:
            polls = ledger.polls(connection, org="acme")
        return {f"{poll.stream.source}/{poll.stream.name}": poll for poll in polls}

    def cursor(self, source: str, name: str) -> Cursor | None:
        with self.poller._database.read() as connection:
            return ledger.cursor(connection, Stream(org="acme", source=source, name=name))

    def stand(self, source: str, name: str, at: datetime) -> None:
        """Let a stream stand at a time, as if all before it had been committed."""
        with self.poller._database.begin() as connection:
            stream = Stream(org="acme", source=source, name=name)
            ledger.move_cursor(connection, stream, Cursor(time=at))

    def asked(self, words: str) -> list[str]:
        """The paths and queries that the org was asked for and that hold these words."""
        addresses = (f"{visit.path}?{visit.query}" for visit in self.org.journal)
        return [address for address in addresses if words in address]


@contextmanager
def collecting(
    directory: Path,
    org: EmbeddedOrg,
    sources: Mapping[str, object],
    *,
    application: Application | None = None,
) -> Iterator[Bench]:
    """A poller of these sources alone; another one in the same directory is a later process."""
    places = Places(state_dir=directory)
    places.make()
    database = open_database(directory)
    connection = engine.connect(places.spool)
    stop = threading.Event()
    settings = _settings(org.base_url, application or org.application, sources)
    salesforce = Client(settings, stop=stop, retry_pause=(0, 0))
    try:
        yield Bench(
            org=org,
            places=places,
            stop=stop,
            poller=Poller(
                org="acme",
                client=salesforce,
                sources=list(build(settings.sources)),
                database=database,
                pipeline=Pipeline(
                    database=database,
                    connection=connection,
                    places=places,
                    rules=RuleSet(rules=()),
                ),
                spool=places.spool,
                stop=stop,
            ),
        )
    finally:
        salesforce.close()
        connection.close()
        database.close()


def _settings(url: str, application: Application, sources: Mapping[str, object]) -> Org:
    auth = {
        "flow": "client_credentials",
        "client_id": application.client_id,
        "client_secret": application.client_secret,
    }
    chosen = {kind: sources.get(kind, False) for kind in KINDS}
    return Org.model_validate({"name": "acme", "login_url": url, "auth": auth, "sources": chosen})


@contextmanager
def serving(
    *files: LogFile, store: Store | None = None, **options: object
) -> Iterator[EmbeddedOrg]:
    """An org with these log files. It closes while the next test is already at work."""
    store = store or Store()
    store.add_files(files)
    org = EmbeddedOrg(store, **options)
    org.start()
    try:
        yield org
    finally:
        threading.Thread(target=org.stop).start()
