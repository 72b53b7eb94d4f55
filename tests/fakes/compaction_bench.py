"""An archive of many small files, and what must be the same when they have become few."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from collector import engine
from collector.archive import parquet_sql
from collector.ingest.pipeline import IngestResult
from collector.model import ArchiveFile, Stream, WindowFacts
from collector.store import ledger, retired_files
from collector.store.database import Database
from fakes.model_samples import NOON, build_log_file_facts
from fakes.pipeline_bench import PipelineBench, build_login_row

WINDOW_STREAM = Stream(org="acme", source="stored_events", name="ApiEvent")
MINUTE = timedelta(minutes=1)


def name_batch(number: int) -> str:
    return f"{number:032d}"


def take_log_file(
    bench: PipelineBench, number: int, *days: str, rows: int = 2, **values: str
) -> IngestResult:
    """A log file of its own number, with rows of each of the days (2026-03-01 when none)."""
    events = [
        build_login_row(
            row,
            TIMESTAMP_DERIVED=f"{day}T12:{number % 60:02}:{row:02}.000Z",
            USER_NAME=f"{number}-{row}@example.com",
            **values,
        )
        for day in days or ("2026-03-01",)
        for row in range(rows)
    ]
    file_id = f"0AT{number:012}AAA"
    batch = bench.write_batch(
        "Login",
        events,
        key=name_batch(number),
        record_prefix=file_id,
        facts=build_log_file_facts(file_id=file_id),
        log_time=NOON + number * MINUTE,
    )
    return bench.pipeline.ingest(batch)


def take_window(bench: PipelineBench, number: int, *, rows: int = 2) -> IngestResult:
    """The window of a minute, with events of its own."""
    end = NOON + (number + 1) * MINUTE
    events = [
        {
            "EventIdentifier": f"api-{number}-{row}",
            "EventDate": (end - timedelta(seconds=row)).isoformat().replace("+00:00", "Z"),
        }
        for row in range(rows)
    ]
    facts = WindowFacts(start=end - MINUTE, until=end, rows=rows, is_truncated=False)
    batch = bench.write_batch(
        "ApiEvent",
        events,
        key=name_batch(1000 + number),
        stream=WINDOW_STREAM,
        dedupe=True,
        facts=facts,
        log_time=end,
    )
    return bench.pipeline.ingest(batch)


def list_files(database: Database) -> list[ArchiveFile]:
    with database.read() as connection:
        return ledger.list_archive_files(connection)


def list_retired(database: Database) -> list[ArchiveFile]:
    with database.read() as connection:
        return [one.file for one in retired_files.list_retired_files(connection)]


def read_events(bench: PipelineBench, files: Iterable[ArchiveFile] | None = None) -> list[Any]:
    """Every committed event with all its columns and their types, in one order."""
    files = list_files(bench.database) if files is None else files
    if not files:
        return []
    relation = parquet_sql.build_relation(bench.places.archive.locate_files(files))
    with engine.open_engine() as connection:
        described = connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
        columns = sorted((row[0], row[1]) for row in described)
        names = ", ".join(f'"{name}"' for name, _ in columns)
        rows = connection.execute(f"SELECT {names} FROM {relation}").fetchall()
    return [columns, *sorted(rows, key=repr)]


def read_batches(database: Database) -> list[tuple[Any, ...]]:
    with database.read() as connection:
        query = "SELECT key, state, rows, duplicates, quarantined FROM batches ORDER BY key"
        return [tuple(row) for row in connection.exec_driver_sql(query)]


def list_batch_rows(bench: PipelineBench) -> dict[str, int]:
    """By batch, the number of events in the committed files."""
    return dict(bench.list_rows("batch, count(*) OVER (PARTITION BY batch)"))
