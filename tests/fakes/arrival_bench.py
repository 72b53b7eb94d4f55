"""A pipeline to which files come in some order, and what is told of them in the end."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from collector import engine
from collector.detect import RuleSet
from collector.ingest.pipeline import Pipeline
from collector.ingest.state_paths import StatePaths
from collector.model import Alert, AlertStatus
from fakes.databases import open_sqlite_state
from fakes.pipeline_bench import PipelineBench, build_bulk_row, build_login_row

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
HISTORY = START - timedelta(days=40)
EVENT_TYPES = ("Login", "BulkApi2")


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """The rules that look at what comes, and a state directory with an event of each type long ago.

    How far the history goes back decides what is still learned: it is there from the start.
    """

    rules: RuleSet
    folder: Path


def write_beginning(folder: Path, rules: RuleSet) -> Beginning:
    """The state directory is written once for all examples of a law."""
    with _open_bench(folder, rules) as bench:
        for event_type, row in (
            ("Login", build_login_row()),
            ("BulkApi2", build_bulk_row("750000000000000AAA", 1)),
        ):
            early = {**row, "TIMESTAMP_DERIVED": HISTORY.strftime("%Y-%m-%dT%H:%M:%S.000Z")}
            _take(bench, event_type, [early], f"history-{event_type}", START, log_time=HISTORY)
    return Beginning(rules=rules, folder=folder)


@contextmanager
def open_arrival_bench(beginning: Beginning) -> Iterator[PipelineBench]:
    """A pipeline on a copy of the beginning, of which nothing is left afterwards."""
    with TemporaryDirectory() as directory:
        shutil.copytree(beginning.folder, directory, dirs_exist_ok=True)
        with _open_bench(Path(directory), beginning.rules) as bench:
            yield bench


def take_file(
    bench: PipelineBench, rows: Sequence[tuple[str, Mapping[str, Any]]], number: int
) -> None:
    """Take in the rows of a file, each with its event type; `number` says how late it comes."""
    received = START + timedelta(hours=3 + number)
    for event_type in EVENT_TYPES:
        of_type = [row for kind, row in rows if kind == event_type]
        if of_type:
            _take(bench, event_type, of_type, f"{number}-{event_type}", received)


def list_told_alerts(bench: PipelineBench) -> list[tuple[Any, ...]]:
    """What is told in the end, in an order of its own.

    That something was thought to be new for a while is the only trace of the order of arrival.
    """
    return sorted(
        _summarize(alert) for alert in bench.list_alerts() if alert.status != AlertStatus.WITHDRAWN
    )


@contextmanager
def _open_bench(folder: Path, rules: RuleSet) -> Iterator[PipelineBench]:
    places = StatePaths(state_dir=folder)
    places.create_folders()
    database = open_sqlite_state(places.state_dir)
    connection = engine.open_engine(places.spool)
    pipeline = Pipeline(database=database, connection=connection, paths=places, rules=rules)
    try:
        yield PipelineBench(places=places, database=database, pipeline=pipeline)
    finally:
        connection.close()
        database.close()


def _take(
    bench: PipelineBench,
    event_type: str,
    rows: Sequence[Mapping[str, Any]],
    key: str,
    received: datetime,
    *,
    log_time: datetime = START,
) -> None:
    batch = bench.write_batch(event_type, rows, key=key, record_prefix=key)
    bench.pipeline.ingest(replace(batch, received=received, log_time=log_time))


def _summarize(alert: Alert) -> tuple[Any, ...]:
    return (
        alert.rule,
        alert.key,
        alert.status,
        alert.first_time,
        alert.last_time,
        alert.count,
        int(alert.severity),
        alert.title,
        alert.late_seconds,
        sorted(alert.entities.items()),
    )
