"""The real path on a directory of the test's own: records in, events and alerts out."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from collector import engine
from collector.archive import read
from collector.assembly import SCHEMA, shipped
from collector.detect import RuleSet, load
from collector.model import Alert, Batch
from collector.pipeline import Pipeline, Places
from collector.segments import Cutter
from collector.store import alerts, ledger
from collector.store.database import Database, open_database
from fakes.nouns import batch


def shipped_rules() -> RuleSet:
    return load([shipped("rules")], schema=SCHEMA)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    places: Places
    database: Database
    pipeline: Pipeline

    def batch(
        self,
        event_type: str,
        rows: Sequence[Mapping[str, str]],
        *,
        segment_bytes: int = 1 << 20,
        **changes,
    ) -> Batch:
        """Rows as one event log file would bring them."""
        content = elf_csv(rows)
        made = batch(event_type=event_type, **changes)
        cutter = Cutter(self.places.spool, made.key, segment_bytes=segment_bytes)
        cutter.feed(content)
        segments = cutter.finish()
        return replace(made, segments=segments.paths, columns=segments.columns)

    def rows(self, columns: str = "event_uid") -> list[tuple]:
        """The committed events, in the order of these columns."""
        with self.database.read() as connection:
            files = ledger.archive_files(connection)
        if not files:
            return []
        source = read.relation(self.places.archive / file.path for file in files)
        connection = engine.connect()
        try:
            return connection.execute(f"SELECT {columns} FROM {source} ORDER BY ALL").fetchall()
        finally:
            connection.close()

    def alerts(self) -> list[Alert]:
        with self.database.read() as connection:
            return alerts.listing(connection)


@contextmanager
def opened(directory: Path, **options) -> Iterator[Bench]:
    places = Places(state_dir=directory / "state")
    places.make()
    database = open_database(places.state_dir)
    connection = engine.connect(places.spool)
    try:
        pipeline = Pipeline(
            database=database,
            connection=connection,
            places=places,
            rules=shipped_rules(),
            **options,
        )
        yield Bench(places=places, database=database, pipeline=pipeline)
    finally:
        connection.close()
        database.close()


def elf_csv(rows: Sequence[Mapping[str, str]]) -> bytes:
    """Rows in the dialect of event log files: every field quoted."""
    out = io.StringIO()
    columns = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([row.get(name, "") for name in columns] for row in rows)
    return out.getvalue().encode()


def login(number: int = 0, **changes: str) -> dict[str, str]:
    """A row of a Login file."""
    return {
        "EVENT_TYPE": "Login",
        "TIMESTAMP": f"20260301120000.{number % 1000:03}",
        "TIMESTAMP_DERIVED": f"2026-03-01T12:00:00.{number % 1000:03}Z",
        "USER_ID": "005000000000001",
        "USER_NAME": "ada@example.com",
        "BROWSER_TYPE": "Mozilla/5.0",
        "SOURCE_IP": "203.0.113.7",
        "LOGIN_STATUS": "LOGIN_NO_ERROR",
        **changes,
    }


def bulk(job: str, records: int, minute: int = 0, **changes: str) -> dict[str, str]:
    """A row of a BulkApi2 file."""
    return {
        "EVENT_TYPE": "BulkApi2",
        "TIMESTAMP_DERIVED": f"2026-03-01T12:{minute:02}:00.000Z",
        "USER_ID": "005000000000001",
        "CLIENT_IP": "203.0.113.7",
        "JOB_ID": job,
        "OPERATION_TYPE": "query",
        "ENTITY_TYPE": "Contact",
        "RECORDS_PROCESSED": str(records),
        "JOB_STATUS": "InProgress",
        **changes,
    }
