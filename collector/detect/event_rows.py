"""Rows of DuckDB as events."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import duckdb


def list_column_names(result: duckdb.DuckDBPyConnection) -> list[str]:
    """The names of the columns of a query's result, in their order."""
    return [column[0] for column in result.description]


def name_values(names: Iterable[str], values: Iterable[Any]) -> dict[str, Any]:
    """The values of a row by the names of its columns, times in UTC."""
    return {
        name: value.astimezone(UTC) if isinstance(value, datetime) else value
        for name, value in zip(names, values, strict=True)
    }


def build_event(names: Iterable[str], values: Iterable[Any]) -> dict[str, Any]:
    """The event of a row: `name_values` without what is NULL."""
    return {name: value for name, value in name_values(names, values).items() if value is not None}
