"""The only place that opens DuckDB: in memory, in UTC, bounded, and without its network."""

from __future__ import annotations

from pathlib import Path

import duckdb

MEMORY_LIMIT = "1GB"
THREADS = 2


def open_engine(
    spill_directory: Path | None = None, *, memory_limit: str = MEMORY_LIMIT
) -> duckdb.DuckDBPyConnection:
    """A new in-memory engine.

    Args:
        spill_directory: a directory that large sorts may spill to; None forbids spilling.
        memory_limit: how much it may hold, as DuckDB writes it; the process holds some more.

    One engine may serve several threads, each with its own `open_cursor(engine)`.
    """
    engine = duckdb.connect(
        config={
            "memory_limit": memory_limit,
            "threads": THREADS,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "temp_directory": str(spill_directory) if spill_directory else "",
        }
    )
    return _set_utc(engine)


def open_cursor(engine: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """A further connection to the same engine, for another thread."""
    return _set_utc(engine.cursor())


def _set_utc(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    connection.execute("SET TimeZone = 'UTC'")
    return connection
