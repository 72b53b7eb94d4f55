"""The real path on a directory of the test's own: records in, events and alerts out."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from collector import engine
from collector.archive import parquet_sql
from collector.csv_segments import CsvSegmenter
from collector.detect import RuleSet, lists
from collector.detect.loader import load_rule_set
from collector.ingest.pipeline import Pipeline
from collector.ingest.state_paths import StatePaths
from collector.model import Alert, Batch
from collector.rules.rule_files import EVENT_SCHEMA
from collector.settings.shipped_files import find_shipped_folder
from collector.store import alerts, ledger
from collector.store.database import Database
from fakes.databases import open_sqlite_state
from fakes.model_samples import build_batch


@cache
def load_shipped_rules() -> RuleSet:
    folders = [find_shipped_folder("rules")]
    return load_rule_set(folders, schema=EVENT_SCHEMA, lists=lists.load_lists(folders))


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineBench:
    places: StatePaths
    database: Database
    pipeline: Pipeline

    def write_batch(
        self,
        event_type: str,
        rows: Sequence[Mapping[str, str]],
        *,
        segment_bytes: int = 1 << 20,
        **changes,
    ) -> Batch:
        """Rows as one event log file would bring them."""
        content = render_elf_csv(rows)
        made = build_batch(event_type=event_type, **changes)
        cutter = CsvSegmenter(self.places.spool, made.key, segment_bytes=segment_bytes)
        cutter.feed_chunk(content)
        segments = cutter.finish_segments()
        return replace(made, segments=segments.paths, columns=segments.columns)

    def list_rows(self, columns: str = "event_uid") -> list[tuple]:
        """The committed events, in the order of these columns."""
        with self.database.read() as connection:
            files = ledger.list_archive_files(connection)
        if not files:
            return []
        source = parquet_sql.build_relation(self.places.archive.locate_files(files))
        connection = engine.open_engine()
        try:
            return connection.execute(f"SELECT {columns} FROM {source} ORDER BY ALL").fetchall()
        finally:
            connection.close()

    def list_alerts(self) -> list[Alert]:
        with self.database.read() as connection:
            return alerts.list_alerts(connection)


@contextmanager
def open_pipeline_bench(
    directory: Path, *, rules: RuleSet | None = None, **options
) -> Iterator[PipelineBench]:
    """The path with these rules, those that are shipped when none are given."""
    places = StatePaths(state_dir=directory / "state")
    places.create_folders()
    database = open_sqlite_state(places.state_dir)
    connection = engine.open_engine(places.spool)
    try:
        pipeline = Pipeline(
            database=database,
            connection=connection,
            paths=places,
            rules=load_shipped_rules() if rules is None else rules,
            **options,
        )
        yield PipelineBench(places=places, database=database, pipeline=pipeline)
    finally:
        connection.close()
        database.close()


def render_elf_csv(rows: Sequence[Mapping[str, str]]) -> bytes:
    """Rows in the dialect of event log files: every field quoted."""
    out = io.StringIO()
    columns = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([row.get(name, "") for name in columns] for row in rows)
    return out.getvalue().encode()


def build_login_row(number: int = 0, **changes: str) -> dict[str, str]:
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


def build_bulk_row(job: str, records: int, minute: int = 0, **changes: str) -> dict[str, str]:
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
