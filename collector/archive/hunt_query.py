"""Read-only SQL over the committed archive: nothing else can be read, and nothing written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from collector import engine
from collector.archive.parquet_sql import FileLocation, build_relation, ensure_columns
from collector.archive.query_limits import fetch_rows, limit_memory, limit_time
from collector.archive.store import ArchiveStore
from collector.errors import HuntError
from collector.escaping import quote_identifier, quote_literal
from collector.model import ArchiveFile, DerivedType

MAX_BRACKETS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class HuntResult:
    """The rows of a query; `truncated` when there were more than the limit."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    truncated: bool


def run_hunt_query(
    sql: str,
    *,
    archive: ArchiveStore,
    files: Sequence[ArchiveFile],
    derived_types: Mapping[str, DerivedType],
    timeout_seconds: float = 60.0,
    limit: int = 10_000,
) -> HuntResult:
    """Run one SELECT over the table `events` and one view for each event type.

    Raises:
        HuntError: not exactly one SELECT, invalid SQL, too much memory, or the timeout exceeded,
            which counts from opening the files to fetching the last row.
    """
    _require_select(sql)
    connection = engine.open_engine()
    try:
        with limit_memory(), limit_time(connection, timeout_seconds) as deadline:
            _create_views(connection, sql, archive, files, derived_types)
            _restrict_access(connection, archive.locate_files(files))
            result = connection.execute(sql)
            names = tuple(column[0] for column in result.description or ())
            rows = fetch_rows(result, count=limit + 1, deadline=deadline)
        return HuntResult(columns=names, rows=tuple(rows[:limit]), truncated=len(rows) > limit)
    except duckdb.Error as error:
        raise HuntError(_take_first_line(error)) from None
    finally:
        connection.close()


def _require_select(sql: str) -> None:
    if not sql.isprintable() and re.search("[\0\ud800-\udfff]", sql):
        raise HuntError("the SQL is no valid text: it holds NUL or what is no UTF-8")
    if _measure_brackets(sql) > MAX_BRACKETS:
        raise HuntError(f"the SQL has more than {MAX_BRACKETS} brackets inside one another")
    try:
        statements = duckdb.extract_statements(sql)
    except duckdb.Error as error:
        raise HuntError(_take_first_line(error)) from None
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise HuntError("give exactly one SELECT; the archive is read-only")


def _measure_brackets(sql: str) -> int:
    """How many brackets are open at most, those in texts included: planning cannot be ended."""
    level = deepest = 0
    for sign in re.findall(r"[(\[{)\]}]", sql):
        level = level + 1 if sign in "([{" else max(level - 1, 0)
        deepest = max(deepest, level)
    return deepest


def _create_views(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    archive: ArchiveStore,
    files: Sequence[ArchiveFile],
    derived_types: Mapping[str, DerivedType],
) -> None:
    locations = archive.locate_files(files)
    by_type: dict[str, list[FileLocation]] = {}
    for file, location in zip(files, locations, strict=True):
        by_type.setdefault(file.event_type, []).append(location)
    # Opening every file costs time: only the views that the query may name are created.
    words = {word.lower() for word in re.findall(r"\w+", sql)}
    for name, type_locations in by_type.items():
        if name.lower() in words:
            _create_view(connection, name, f"SELECT * FROM {build_relation(type_locations)}")
    for name, derived in derived_types.items():
        type_locations = [
            location for source in derived.source_types for location in by_type.get(source, ())
        ]
        if name.lower() in words and type_locations:
            relation = build_relation(type_locations)
            padded = ensure_columns(connection, relation, derived.required_columns)
            _create_view(connection, name, derived.build_select(padded))
    if "events" in words and by_type:
        _create_view(connection, "events", f"SELECT * FROM {build_relation(locations)}")


def _create_view(connection: duckdb.DuckDBPyConnection, name: str, select: str) -> None:
    connection.execute(f"CREATE VIEW {quote_identifier(name)} AS {select}")


def _restrict_access(
    connection: duckdb.DuckDBPyConnection, locations: Sequence[FileLocation]
) -> None:
    allowed = ", ".join(map(quote_literal, locations))
    connection.execute(f"SET allowed_paths = [{allowed}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _take_first_line(error: Exception) -> str:
    return str(error).split("\n\n")[0].strip()
