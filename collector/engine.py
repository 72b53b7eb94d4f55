"""The only place that opens DuckDB: in memory, in UTC, bounded, and without its network."""

from __future__ import annotations

from pathlib import Path

import duckdb

MEMORY_LIMIT = "1GB"
THREADS = 2


def connect(
    scratch: Path | None = None, *, memory: str = MEMORY_LIMIT
) -> duckdb.DuckDBPyConnection:
    """A new in-memory engine.

    Args:
        scratch: a directory that large sorts may spill to; None forbids spilling.
        memory: how much it may hold, in DuckDB's words; the process holds some more.

    One engine may serve several threads, each with its own `cursor(engine)`.
    """
    engine = duckdb.connect(
        config={
            "memory_limit": memory,
            "threads": THREADS,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "temp_directory": str(scratch) if scratch else "",
        }
    )
    return _in_utc(engine)


def cursor(engine: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """A further connection to the same engine, for another thread."""
    return _in_utc(engine.cursor())


def _in_utc(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    connection.execute("SET TimeZone = 'UTC'")
    return connection
