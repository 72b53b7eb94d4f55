"""What the commands that read ask of a large state: seconds and plan of each query.

By hand:

    python tests/bench/large_state.py STATE_DIR --batches 500000

STATE_DIR is one in which something was collected (`collector org`, `collector run --once`); the
rows of a copy are multiplied, each copy of them a minute earlier.
"""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from collector.store import (
    alerts,
    archive_file_rows,
    damaged_files,
    delivery_list,
    ledger,
    ledger_totals,
    outbox,
)
from collector.store.database import open_database, open_database_for_reading

MINUTE_MICROS = 60_000_000

KEY_COLUMNS = {
    "batches": ("key",),
    "files": ("path", "batch"),
    "listed": ("key",),
    "alerts": ("id", "key_digest"),
    "matches": ("event_uid", "alert_id"),
    "deliveries": ("key", "alert_id"),
}
"""What of a row tells it from its copies."""

TIME_COLUMNS = frozenset(
    {"nominal", "created", "first_time", "last_time", "time", "first", "last", "due", "finished"}
)

QUERIES = {
    "list_ledger_totals": ledger_totals.list_ledger_totals,
    "list_archive_files": ledger.list_archive_files,
    "iterate_file_sizes": lambda connection: list(archive_file_rows.iterate_file_sizes(connection)),
    "list_damaged_files": lambda connection: list(damaged_files.list_damaged_files(connection)),
    "list_poll_statuses": ledger.list_poll_statuses,
    "list_queue_stats": outbox.list_queue_stats,
    "list_alerts --limit 50": lambda connection: alerts.list_alerts(connection, limit=50),
    "find_alerts_by_prefix": lambda connection: alerts.find_alerts_by_prefix(connection, "3bcf2"),
    "list_outbox_entries": delivery_list.list_outbox_entries,
}


def main() -> None:
    """Multiply a state, then print what each query takes and does."""
    parser = argparse.ArgumentParser()
    parser.add_argument("state_dir", type=Path)
    parser.add_argument("--batches", type=int, default=500_000)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        state_dir = Path(folder)
        shutil.copy(chosen.state_dir / "state.db", state_dir)
        open_database(state_dir).close()  # the newest schema
        multiply_state(state_dir / "state.db", chosen.batches)
        for name, seconds, plans in measure_queries(state_dir):
            print(f"{seconds:8.3f} s  {name}")
            for plan in plans:
                print(f"            {plan}")


def multiply_state(path: Path, batch_count: int) -> None:
    """Multiply the rows of a state until it has so many batches."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        (present,) = connection.execute("SELECT count(*) FROM batches").fetchone()
        for table, keys in KEY_COLUMNS.items():
            names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            values = ", ".join(_build_copy(name, keys) for name in names)
            columns = ", ".join(f'"{name}"' for name in names)
            connection.execute(
                f"WITH RECURSIVE copies(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM copies"
                f" WHERE n < {batch_count // present})"
                f" INSERT INTO {table} ({columns}) SELECT {values} FROM copies, {table}"
            )
            (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
            print(f"{table}: {count:,}")
            connection.commit()


def _build_copy(name: str, keys: tuple[str, ...]) -> str:
    if name in keys:
        return f"\"{name}\" || '.' || n"
    return f'"{name}" - n * {MINUTE_MICROS}' if name in TIME_COLUMNS else f'"{name}"'


def measure_queries(state_dir: Path) -> Iterator[tuple[str, float, list[str]]]:
    """Name, seconds, and the plans of the statements of each query."""
    database = open_database_for_reading(state_dir)
    with database.read() as connection:
        statements: list[tuple[str, object]] = []
        sa.event.listen(
            connection, "before_cursor_execute", lambda *args: statements.append(args[2:4])
        )
        for name, query in QUERIES.items():
            statements.clear()
            begun = time.perf_counter()
            query(connection)
            seconds = time.perf_counter() - begun
            driver = connection.connection.driver_connection
            plans = [
                row[3]
                for text, values in statements
                for row in driver.execute(f"EXPLAIN QUERY PLAN {text}", values)
            ]
            yield name, seconds, plans
    database.close()


if __name__ == "__main__":
    main()
