"""Names committed Parquet files in SQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

import duckdb

from collector.text import sql_identifier, sql_literal


def relation(paths: Iterable[Path]) -> str:
    """A SQL FROM item over these files; a column that a file lacks is NULL there."""
    names = ", ".join(sql_literal(str(path)) for path in paths)
    return f"read_parquet([{names}], union_by_name = true, hive_partitioning = false)"


def columns(connection: duckdb.DuckDBPyConnection, source: str) -> frozenset[str]:
    """The columns of a SQL FROM item."""
    described = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
    return frozenset(row[0] for row in described)


def with_columns(connection: duckdb.DuckDBPyConnection, source: str, needs: Sequence[str]) -> str:
    """A SQL FROM item over `source` that surely has these columns: NULL where it lacks them."""
    return padded(source, columns(connection, source), needs)


def padded(source: str, present: AbstractSet[str], needs: Sequence[str]) -> str:
    """The same for a source whose columns are known."""
    missing = [f"NULL::VARCHAR AS {sql_identifier(name)}" for name in needs if name not in present]
    return f"(SELECT {', '.join(['*', *missing])} FROM {source})" if missing else source
