"""Names committed Parquet files in SQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import NewType

import duckdb

from collector.escaping import quote_identifier, quote_literal
from collector.model.event_columns import CANONICAL_COLUMNS

FileLocation = NewType("FileLocation", str)
"""What the engine reads a file of events by: a path, or a URL. Only archives create them."""


MAX_GROUPS = 200
"""As many types as there are, with some of several versions, and not one for each file."""


def build_relation(locations: Iterable[FileLocation]) -> str:
    """A SQL FROM item over these files; a column that a file lacks is NULL there."""
    names = ", ".join(map(quote_literal, locations))
    return f"read_parquet([{names}], union_by_name = true, hive_partitioning = false)"


def build_grouped_relation(groups: Sequence[Sequence[FileLocation]]) -> str:
    """`build_relation` over files of which those of a group have the same columns.

    To know the columns it opens one file of each group, where `build_relation` opens every file. Of
    very many groups a statement would become too long to plan: then it opens every file too.
    """
    if len(groups) > MAX_GROUPS:
        return build_relation(location for group in groups for location in group)
    parts = [
        f"read_parquet([{', '.join(map(quote_literal, group))}], hive_partitioning = false)"
        for group in groups
    ]
    if len(parts) == 1:
        return parts[0]
    return f"({' UNION ALL BY NAME '.join(f'SELECT * FROM {part}' for part in parts)})"


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
        f"NULL::{CANONICAL_COLUMNS.get(name, 'VARCHAR')} AS {quote_identifier(name)}"
        for name in required_columns
        if name not in present_columns
    ]
    return f"(SELECT {', '.join(['*', *missing])} FROM {source})" if missing else source
