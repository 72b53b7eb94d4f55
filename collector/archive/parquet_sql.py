"""Names committed Parquet files in SQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import NewType

import duckdb

from collector.escaping import quote_identifier, quote_literal

FileLocation = NewType("FileLocation", str)
"""What the engine reads a file of events by: a path, or a URL. Only archives create them."""


def build_relation(locations: Iterable[FileLocation]) -> str:
    """A SQL FROM item over these files; a column that a file lacks is NULL there."""
    names = ", ".join(map(quote_literal, locations))
    return f"read_parquet([{names}], union_by_name = true, hive_partitioning = false)"


def describe_columns(connection: duckdb.DuckDBPyConnection, source: str) -> frozenset[str]:
    """The columns of a SQL FROM item."""
    rows = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
    return frozenset(row[0] for row in rows)


def ensure_columns(
    connection: duckdb.DuckDBPyConnection, source: str, required_columns: Sequence[str]
) -> str:
    """A SQL FROM item over `source` with these columns, NULL where it lacks them."""
    return pad_columns(source, describe_columns(connection, source), required_columns)


def pad_columns(
    source: str, present_columns: AbstractSet[str], required_columns: Sequence[str]
) -> str:
    """`ensure_columns` for a source whose columns are known."""
    missing = [
        f"NULL::VARCHAR AS {quote_identifier(name)}"
        for name in required_columns
        if name not in present_columns
    ]
    return f"(SELECT {', '.join(['*', *missing])} FROM {source})" if missing else source
