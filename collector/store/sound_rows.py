"""Lists of which one damaged row costs that row, and not the list."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import sqlalchemy as sa

from collector.errors import DamagedStateError
from collector.logs import log
from collector.store.damaged_cells import read_cell

ItemT = TypeVar("ItemT")

_KEYS_SHOWN = 5

_Parse = Callable[[sa.Row[Any]], ItemT]


def read_sound_rows(
    connection: sa.Connection, table: sa.Table, query: sa.Select[Any], parse: _Parse[ItemT]
) -> list[ItemT]:
    """What `parse` makes of the rows of a query, one for each of `table`'s, in their order.

    A row that cannot be read is left out; how many there are is logged as an error, with their
    keys.

    Raises:
        DamagedStateError: not even their keys can be read.
    """
    try:
        return [_parse_row(row, table, parse) for row in connection.execute(query)]
    except (DamagedStateError, sa.exc.OperationalError) as error:
        if isinstance(error, sa.exc.OperationalError) and not _is_undecodable(error):
            raise
    damaged: list[str] = []
    items = list(_read_one_by_one(connection, table, query, parse, damaged))
    log.error(
        "damaged_rows_left_out", table=table.name, rows=len(damaged), keys=damaged[:_KEYS_SHOWN]
    )
    return items


def _read_one_by_one(
    connection: sa.Connection,
    table: sa.Table,
    query: sa.Select[Any],
    parse: _Parse[ItemT],
    damaged: list[str],
) -> Iterator[ItemT]:
    columns = tuple(table.primary_key.columns)
    keys = connection.execute(query.with_only_columns(*columns, maintain_column_froms=True)).all()
    for key in keys:
        is_row = (column == value for column, value in zip(columns, key, strict=True))
        try:
            rows = connection.execute(query.where(*is_row))
            yield from [_parse_row(row, table, parse) for row in rows]
        except (DamagedStateError, sa.exc.OperationalError) as error:
            if isinstance(error, sa.exc.OperationalError) and not _is_undecodable(error):
                raise
            damaged.append(" ".join(map(str, key)))


def _parse_row(row: sa.Row[Any], table: sa.Table, parse: _Parse[ItemT]) -> ItemT:
    return read_cell(f"row of {table.name}", row, parse)


def _is_undecodable(error: sa.exc.OperationalError) -> bool:
    """Whether a text of the row is no UTF-8: Python's driver says so in these words."""
    return "Could not decode" in str(error)
