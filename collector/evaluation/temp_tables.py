"""Tables of the engine that last as long as a block of code."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import duckdb

from collector.escaping import quote_identifier

_table_numbers = itertools.count()


class TempTables:
    """Makes temporary tables with names of their own."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._names: list[str] = []

    def create_table(self, select: str, parameters: Sequence[object] = ()) -> str:
        """The name, quoted, of a table with the rows of a SELECT. Raises duckdb.Error."""
        name = quote_identifier(f"table_{next(_table_numbers)}")
        self._connection.execute(f"CREATE TEMP TABLE {name} AS {select}", parameters)
        self._names.append(name)
        return name

    def drop_tables(self) -> None:
        """Drop every table."""
        for name in self._names:
            self._connection.execute(f"DROP TABLE IF EXISTS {name}")


@contextmanager
def open_temp_tables(connection: duckdb.DuckDBPyConnection) -> Iterator[TempTables]:
    """Temporary tables that are dropped when the block ends."""
    tables = TempTables(connection)
    try:
        yield tables
    finally:
        tables.drop_tables()
