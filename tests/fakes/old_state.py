"""A state with something of every age, in a directory of its own, and its pruning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa

from collector.detect import RuleSet
from collector.ingest import quarantine
from collector.ingest.state_paths import StatePaths
from collector.model import (
    Alert,
    AlertMatch,
    ArchiveFile,
    Batch,
    BatchState,
    DeliveryState,
    Rule,
    Severity,
    Stream,
)
from collector.retention.keeping_plan import KeepingPlan
from collector.retention.pruner import Pruner
from collector.settings import ArchiveSettings
from collector.store import alerts, ledger, outbox, tables
from collector.store.database import Database
from collector.store.ledger import LedgerEntry
from fakes.databases import open_sqlite_state
from fakes.model_samples import (
    NOON,
    build_alert,
    build_batch,
    build_log_file_facts,
)
from fakes.pipeline_bench import PipelineBench, build_login_row

DAY = timedelta(days=1)
NOW = NOON
SETTINGS = ArchiveSettings.model_validate(
    {"retention": "365d", "by_type": {"ApiTotalUsage": "90d"}, "alerts": "400d"}
)


class StateDirectory(Protocol):
    """A state directory and its database: with a pipeline on them, or without."""

    @property
    def places(self) -> StatePaths: ...

    @property
    def database(self) -> Database: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OldState:
    """A state directory on which nothing works."""

    places: StatePaths
    database: Database


@contextmanager
def open_old_state(directory: Path) -> Iterator[OldState]:
    places = StatePaths(state_dir=directory / "state")
    places.create_folders()
    database = open_sqlite_state(places.state_dir)
    try:
        yield OldState(places=places, database=database)
    finally:
        database.close()


def build_pruner(
    state: StateDirectory, settings: ArchiveSettings = SETTINGS, rules: Sequence[Rule] = ()
) -> Pruner:
    return Pruner(
        database=state.database,
        paths=state.places,
        read_plan=lambda: KeepingPlan(settings=settings, rules=RuleSet(rules=tuple(rules))),
    )


def build_file_batch(age: int, event_type: str = "Login", **changes: Any) -> Batch:
    """The log file of so many days ago, without what is in it."""
    time = NOW - age * DAY
    name = f"{event_type}-{age}"
    made = build_batch(
        key=name,
        event_type=event_type,
        log_time=time,
        received=time + timedelta(hours=3),
        record_prefix=name,
        facts=build_log_file_facts(file_id=name, log_date=time, created_date=time),
        cursor=None,
    )
    return replace(made, **changes)


def write_file(bench: PipelineBench, age: int) -> Batch:
    """A log file of logins of so many days ago, for the pipeline to take in."""
    batch = build_file_batch(age)
    time = batch.log_time.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    rows = [build_login_row(number, TIMESTAMP_DERIVED=time) for number in range(3)]
    written = bench.write_batch("Login", rows, key=batch.key)
    return replace(batch, segments=written.segments, columns=written.columns)


def store_file(
    state: StateDirectory, age: int, event_type: str = "Login", batch_state=BatchState.STORED
) -> Batch:
    """A batch of so many days ago with a file of three events, of which the content is none."""
    batch = build_file_batch(age, event_type)
    day = batch.log_time.date().isoformat()
    path = f"org=acme/event_type={event_type}/date={day}/{batch.key}.parquet"
    target = state.places.state_dir / "archive" / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(b"PAR1")
    file = ArchiveFile(
        path=path,
        org="acme",
        event_type=event_type,
        date=day,
        rows=3,
        bytes=4,
        first_time=batch.log_time,
        last_time=batch.log_time,
    )
    with state.database.begin() as connection:
        entry = LedgerEntry(state=batch_state, rows=3)
        ledger.record_batch(connection, batch, entry, [file])
    return batch


def set_file_aside(state: StateDirectory, age: int) -> Batch:
    """A batch of so many days ago of which nothing could be read."""
    segment = state.places.spool / f"{age}.csv"
    segment.write_text("odd")
    batch = build_file_batch(age, segments=(segment,), columns=("EVENT_TYPE",))
    quarantine.store_segment(state.places.quarantine, batch, 0, "it is odd")
    with state.database.begin() as connection:
        entry = LedgerEntry(state=BatchState.QUARANTINED, quarantined=1)
        ledger.record_batch(connection, batch, entry, [])
    return batch


def build_window_batch(age: int, **changes: Any) -> Batch:
    """A query window of so many days ago, without anything in it."""
    time = NOW - age * DAY
    stream = Stream(org="acme", source="stored_events", name="ApiEvent")
    made = build_batch(key=f"window-{age}", stream=stream, event_type="ApiEvent", log_time=time)
    return replace(made, **changes)


def store_alert(
    state: StateDirectory, age: int, *states: DeliveryState, org: str = "acme", matches: int = 2
) -> Alert:
    """An alert whose last event was so many days ago, with a message in each of these states."""
    time = NOW - age * DAY
    alert = build_alert(
        id=f"alert-{age}-{org}-{'-'.join(states)}",
        org=org,
        first_time=time - timedelta(hours=1),
        last_time=time,
        created=time,
    )
    found = [
        AlertMatch(
            event_uid=f"{alert.id}:{number}",
            alert_id=alert.id,
            time=time,
            severity=Severity.MEDIUM,
            weight=0.0,
            count=1,
            late_seconds=0,
            title="Odd login",
            shown=None,
        )
        for number in range(matches)
    ]
    channels = [f"channel-{number}" for number in range(len(states))]
    with state.database.begin() as connection:
        alerts.save_alerts(connection, [alert], {alert.id: found})
        outbox.enqueue_alert(connection, alert, channels, now=time)
        for channel, delivery_state in zip(channels, states, strict=True):
            key = f"{alert.id}.{alert.revision}.{channel}"
            connection.execute(
                sa.update(tables.deliveries)
                .where(tables.deliveries.c.key == key)
                .values(state=delivery_state, finished=time)
            )
    return alert


def list_values(state: StateDirectory, table: sa.Table, *names: str) -> list[Any]:
    """Columns of a table, in order: tuples, or the values of a single one."""
    with state.database.read() as connection:
        rows = connection.execute(sa.select(*(table.c[name] for name in names))).all()
    return sorted(row[0] if len(names) == 1 else tuple(row) for row in rows)


def dump_state(state: StateDirectory) -> Mapping[str, Sequence[Any]]:
    """All rows of all tables."""
    with state.database.read() as connection:
        return {
            table.name: sorted(map(repr, connection.execute(sa.select(table)).all()))
            for table in tables.metadata.sorted_tables
        }
