"""What lies behind the measuring points of a simulated year, as the daemon leaves it.

Events: of each type and day one file, of the minute-polled objects on the newest day one an hour,
written by the writer of the archive. State, by the functions of the store: the batches and the
listing of hourly log files for the whole time, those of query windows for 35 days (older ones are
folded), alerts with matches and messages, memories of rules, coverage and cursors.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import md5

import duckdb
import sqlalchemy as sa

from collector import normalize
from collector.archive.store import ArchiveStore
from collector.clock import to_micros
from collector.model import (
    Alert,
    AlertMatch,
    AlertStatus,
    ArchiveFile,
    Batch,
    BatchState,
    Cursor,
    LogFileFacts,
    OtherFacts,
    Severity,
    Stream,
    WindowFacts,
    render_facts,
)
from collector.model.event_columns import CANONICAL_COLUMNS
from collector.normalize.event_schema import assign_native_columns, list_native_columns
from collector.store import (
    alerts,
    baseline_memory,
    first_seen_memory,
    ledger,
    listed_files,
    outbox,
    stream_coverage,
    tables,
)
from collector.store.baseline_memory import BaselineWindow
from collector.store.chunks import split_chunks
from collector.store.stream_coverage import CoverageSpan

ORG, CHANNEL = "acme", "here"
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

POLLED_TYPES = ("LoginEvent", "ApiEvent", "ReportEvent", "ListViewEvent")
WINDOW_ROW_DAYS = 35
ALERTS_A_DAY = 20
MATCHES_AN_ALERT = 5
USERS = 5_000


def list_types(count: int) -> list[str]:
    """The polled objects, then log file types, those with the most columns first."""
    logged = [name for name in normalize.list_event_types() if normalize.find_family(name) == "elf"]
    logged.sort(key=lambda name: (-len(list_native_columns(name)), name))
    return [*POLLED_TYPES, *logged[: count - len(POLLED_TYPES)]]


def count_rows(types: list[str], event_type: str, rows_a_day: int) -> int:
    """A day's events of a type: the first types have most of them."""
    weights = [1 / (1 + rank) for rank in range(len(types))]
    return max(24, round(rows_a_day * weights[types.index(event_type)] / sum(weights)))


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryWriter:
    """Writes days of the past into an archive and its state."""

    engine: duckdb.DuckDBPyConnection
    archive: ArchiveStore
    types: list[str]
    rows_a_day: int

    def write_files(
        self, event_type: str, first_day: datetime, days: int
    ) -> Iterator[tuple[Batch, list[ArchiveFile]]]:
        """A file for each day of a type, in one go; each is a batch of its own."""
        batch = self._build_batch(event_type, first_day, f"{days} days")
        rows = self._build_select(event_type, first_day, days * DAY, days)
        staged = self.archive.stage_events(self.engine, rows, name=batch.key, batch=batch)
        assert staged is not None
        for file in self.archive.publish_events(self.engine, staged, batch):
            yield self._build_batch(event_type, file.first_time, "day"), [file]

    def write_hours(
        self, event_type: str, end: datetime, hours: int
    ) -> Iterator[tuple[Batch, list[ArchiveFile]]]:
        """A file for each of the last hours."""
        for hour in range(hours):
            start = end - (hours - hour) * HOUR
            batch = self._build_batch(event_type, start, "hour")
            rows = self._build_select(event_type, start, HOUR, 1 / 24)
            staged = self.archive.stage_events(self.engine, rows, name=batch.key, batch=batch)
            if staged is not None:
                yield batch, self.archive.publish_events(self.engine, staged, batch)

    def _build_batch(self, event_type: str, start: datetime, what: str) -> Batch:
        key = md5(f"{event_type} {start:%Y-%m-%dT%H} {what}".encode()).hexdigest()
        return Batch(
            key=key,
            stream=build_stream(event_type),
            event_type=event_type,
            log_time=start,
            received=start + 4 * HOUR,
            segments=(),
            columns=(),
            record_prefix=key,
            dedupe=False,
            cursor=None,
            facts=OtherFacts(document={"merged": what}),
        )

    def _build_select(self, event_type: str, start: datetime, span: timedelta, days: float) -> str:
        """SQL for as many events as there are in so many days, spread over a span of time."""
        rows = max(1, round(count_rows(self.types, event_type, self.rows_a_day) * days))
        step = span // timedelta(microseconds=1) // rows
        time = f"make_timestamptz({to_micros(start)} + i * {step})"
        special = {
            "event_uid": f"'{event_type}-' || {to_micros(start)} || '-' || i",
            "org": f"'{ORG}'",
            "source": f"'{build_stream(event_type).source}'",
            "event_type": f"'{event_type}'",
            "time": time,
            "received": f"{time} + INTERVAL 4 HOUR",
            "batch": f"'{md5(event_type.encode()).hexdigest()}'",
            "user_id": f"'005' || lpad((hash(i) % {USERS})::VARCHAR, 12, '0') || 'AAA'",
            "user_name": f"'user' || (hash(i) % {USERS}) || '@example.com'",
            "source_ip": "'203.0.113.' || (hash(i, 1) % 250)",
            "outcome": "CASE WHEN hash(i, 2) % 20 > 0 THEN 'success' ELSE 'failure' END",
            "time_defect": "NULL",
        }
        by_type = {"VARCHAR": "hash(i, {n}) % 40", "BIGINT": "hash(i) % 500", "DOUBLE": "i % 100"}
        canonical = [
            f"({special.get(name) or by_type[kind].format(n=number)})::{kind} AS {name}"
            for number, (name, kind) in enumerate(CANONICAL_COLUMNS.items())
        ]
        natives = assign_native_columns(sorted(list_native_columns(event_type)), event_type)
        stored = [each.stored_name for each in natives if each.stored_name]
        # Every third one is empty, some are the same everywhere, some are texts of their own.
        values = ("NULL", "'{n}-value'", "'v' || hash(i, {n}) % 1000", "to_hex(hash(i, {n}))")
        native = [
            f'({values[number % 4].format(n=number)})::VARCHAR AS "{name}"'
            for number, name in enumerate(stored)
        ]
        return f"SELECT {', '.join(canonical + native)} FROM range({rows}) r (i)"


def build_stream(event_type: str) -> Stream:
    """The stream that events of a type come by."""
    if event_type in POLLED_TYPES:
        return Stream(org=ORG, source="stored_events", name=event_type)
    return Stream(org=ORG, source="event_log_file", name="*")


def record_files(state: sa.Connection, written: Iterator[tuple[Batch, list[ArchiveFile]]]) -> None:
    """Commit files as a compaction does: a batch that has no other meaning."""
    for batch, files in written:
        rows = sum(file.rows for file in files)
        entry = ledger.LedgerEntry(state=BatchState.STORED, rows=rows)
        ledger.record_batch(state, batch, entry, files)


def record_days(
    state: sa.Connection, types: list[str], first_day: datetime, days: int, *, point: datetime
) -> None:
    """What else days leave in the state by a measuring point: of older windows there is no row."""
    end, oldest_window = first_day + days * DAY, point - WINDOW_ROW_DAYS * DAY
    logged = [name for name in types if name not in POLLED_TYPES]
    for day in range(days):
        start = first_day + day * DAY
        _record_listings(state, logged, start)
        if start >= oldest_window:
            _record_windows(state, start)
        _record_alerts(state, start)
        _record_memories(state, start)
    _delete_old_windows(state, oldest_window)
    for event_type in types:
        stream = build_stream(event_type)
        stream_coverage.add_coverage(state, stream, CoverageSpan(start=first_day, until=end))
        ledger.save_cursor(state, stream, Cursor(time=end))


def _delete_old_windows(state: sa.Connection, oldest: datetime) -> None:
    """Those that pruning has folded by then, with what compacted files have of them."""
    table, members = tables.batches, tables.file_members
    is_used = [
        sa.exists().where(column == table.c.key)
        for other in tables.metadata.tables.values()
        if other is not members
        for column in other.c
        if any(key.column is table.c.key for key in column.foreign_keys)
    ]
    is_window = table.c.facts["from"].as_string().is_not(None)
    unused = (~condition for condition in is_used)
    folded = sa.select(table.c.key).where(table.c.nominal < oldest, is_window, *unused)
    keys = list(state.scalars(folded))
    for chunk in split_chunks(keys):
        state.execute(sa.delete(members).where(members.c.batch.in_(chunk)))
        state.execute(sa.delete(table).where(table.c.key.in_(chunk)))


def _record_listings(state: sa.Connection, types: list[str], start: datetime) -> None:
    batches = []
    for number, event_type in enumerate(types):
        for hour in range(24):
            log_time = start + hour * HOUR
            file_id = f"0AT{to_micros(log_time) // 3_600_000_000:07}{number:05}AAA"
            facts = LogFileFacts(
                file_id=file_id,
                log_date=log_time,
                created_date=log_time + 4 * HOUR,
                interval="hourly",
                sequence=1,
                announced_bytes=500_000,
                bytes=500_000,
            )
            batches.append(
                Batch(
                    key=md5(file_id.encode()).hexdigest(),
                    stream=build_stream(event_type),
                    event_type=event_type,
                    log_time=log_time,
                    received=log_time + 4 * HOUR,
                    segments=(),
                    columns=(),
                    record_prefix=file_id,
                    dedupe=False,
                    cursor=None,
                    facts=facts,
                )
            )
    listed_files.record_listed_files(state, batches, now=start + DAY)
    _insert_batches(state, batches)


def _record_windows(state: sa.Connection, start: datetime) -> None:
    batches = []
    for event_type in POLLED_TYPES:
        for minute in range(1440):
            begin, end = start + minute * MINUTE, start + (minute + 1) * MINUTE
            facts = WindowFacts(start=begin, until=end, rows=10, is_truncated=False)
            key = md5(f"{event_type} {begin}".encode()).hexdigest()
            batches.append(
                Batch(
                    key=key,
                    stream=build_stream(event_type),
                    event_type=event_type,
                    log_time=end,
                    received=end,
                    segments=(),
                    columns=(),
                    record_prefix=key,
                    dedupe=True,
                    cursor=None,
                    facts=facts,
                )
            )
    _insert_batches(state, batches)


def _insert_batches(state: sa.Connection, batches: list[Batch]) -> None:
    """What `ledger.record_batch` writes of batches whose files are merged into others, faster."""
    rows = [
        {
            "key": batch.key,
            "org": ORG,
            "source": batch.stream.source,
            "stream": batch.stream.label,
            "event_type": batch.event_type,
            "state": BatchState.STORED,
            "reason": "",
            "rows": 10,
            "duplicates": 0,
            "quarantined": 0,
            "nominal": batch.log_time,
            "received": batch.received,
            "facts": render_facts(batch.facts),
        }
        for batch in batches
    ]
    state.execute(sa.insert(tables.batches), rows)


def _record_alerts(state: sa.Connection, start: datetime) -> None:
    made, matches = [], {}
    for number in range(ALERTS_A_DAY):
        first = start + number * DAY / ALERTS_A_DAY
        alert_id = md5(f"alert {first}".encode()).hexdigest()[:20]
        user = number * 7 % USERS
        evidence = tuple(
            {name: f"{name} {match}" for name in list(CANONICAL_COLUMNS)[:24]}
            | {"event_uid": f"{alert_id}-{match}", "time": (first + match * MINUTE).isoformat()}
            for match in range(MATCHES_AN_ALERT)
        )
        made.append(
            Alert(
                id=alert_id,
                org=ORG,
                rule=f"rule-{number % 12}",
                key=(f"005{user:012}AAA",),
                title=f"Something odd was done by user{user}@example.com",
                severity=Severity.MEDIUM,
                status=AlertStatus.OPEN,
                first_time=first,
                last_time=first + MATCHES_AN_ALERT * MINUTE,
                count=MATCHES_AN_ALERT,
                late_seconds=60,
                entities={"user_id": f"005{user:012}AAA", "user_name": f"user{user}@example.com"},
                evidence=evidence,
                description="What it means and why it is told. " * 8,
                attack=("T1078",),
                triage="What to look at first. " * 8,
                references=("https://example.com/why",),
                created=first,
                revision=1,
                told_severity=Severity.MEDIUM,
                told_count=MATCHES_AN_ALERT,
            )
        )
        matches[alert_id] = [
            AlertMatch(
                event_uid=f"{alert_id}-{match}",
                alert_id=alert_id,
                time=first + match * MINUTE,
                severity=Severity.MEDIUM,
                weight=1.0,
                count=1,
                late_seconds=60,
                title="Something odd",
                shown=None,
            )
            for match in range(MATCHES_AN_ALERT)
        ]
    alerts.save_alerts(state, made, matches)
    for alert in made:
        outbox.enqueue_alert(state, alert, [CHANNEL], now=alert.created)
    state.execute(
        sa.update(tables.deliveries)
        .where(tables.deliveries.c.state == "ready")
        .values(state="sent", attempts=1, finished=tables.deliveries.c.created)
    )


def _record_memories(state: sa.Connection, start: datetime) -> None:
    """Of a first-seen rule the addresses of 100 users, of a baseline the windows of 200."""
    micros = to_micros(start)
    runs = [(f"{user}-{start:%j}", (micros, f"e{user}", micros)) for user in range(100)]
    first_seen_memory.save_runs(state, org=ORG, rule="new-address", runs=runs)
    window = BaselineWindow(value=10.0, events=10, last=micros, received=micros)
    windows = [((f"{user}", micros), window) for user in range(200)]
    baseline_memory.save_windows(state, org=ORG, rule="busy-user", windows=windows)


def floor_to_day(moment: datetime) -> datetime:
    """Its midnight."""
    return datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
