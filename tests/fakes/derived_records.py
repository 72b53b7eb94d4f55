"""The records of derived types, computed in both ways in which the product computes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import duckdb

from collector.evaluation.temp_tables import TempTables, open_temp_tables
from collector.normalize import DerivedTypeSql


@dataclass(frozen=True, slots=True, kw_only=True)
class _KeptTables:
    connection: duckdb.DuckDBPyConnection
    tables: TempTables

    def create_table(self, select: str) -> str:
        return self.tables.create_table(select)

    def read_values(self, select: str) -> list[Any]:
        return [value for value, *_ in self.connection.execute(select).fetchall()]


def read_records(
    connection: duckdb.DuckDBPyConnection, derived: DerivedTypeSql, relation: str
) -> list[dict[str, Any]]:
    """The records of a FROM item's events by their uids; one statement and steps give the same."""
    rows = _read_rows(connection, derived.build_select(relation))
    assert all(list(row) == list(derived.columns) for row in rows)
    with open_temp_tables(connection) as tables:
        kept = derived.keep_records(_KeptTables(connection=connection, tables=tables), relation)
        assert _read_rows(connection, f"SELECT * FROM {kept}") == rows
    return rows


def _read_rows(connection: duckdb.DuckDBPyConnection, select: str) -> list[dict[str, Any]]:
    result = connection.execute(f"SELECT * FROM ({select}) AS records ORDER BY event_uid")
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
