"""Read-only SQL over the committed archive: nothing else can be read, and nothing written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from collector import engine
from collector.archive.column_sets import ColumnSetCache
from collector.archive.hunt_directory import NO_DIRECTORY, HuntDirectory
from collector.archive.hunt_views import ALL_TIMES, HuntViews
from collector.archive.parquet_sql import FileLocation
from collector.archive.query_limits import fetch_rows, limit_memory, limit_time
from collector.archive.store import ArchiveStore
from collector.archive.time_bounds import TimeBounds
from collector.errors import HuntError, HuntReadError
from collector.escaping import quote_literal
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
    span: TimeBounds = ALL_TIMES,
    column_sets: ColumnSetCache | None = None,
    directory: HuntDirectory = NO_DIRECTORY,
    timeout_seconds: float = 60.0,
    limit: int = 10_000,
) -> HuntResult:
    """Run one SELECT over the table `events`, one view for each event type, and the directory.

    The views hold the events of `span`. Files of other times than the query asks for are not read.

    Args:
        sql: the SELECT.
        archive: where the files are.
        files: the committed ones.
        derived_types: by name, the types that have a view and no files.
        span: of which times there are events, the end excluded.
        column_sets: what remembers the columns of files for the next query.
        directory: what there is in the views of users, apps, reports and objects.
        timeout_seconds: how long it may take.
        limit: how many rows it may give.

    Raises:
        HuntReadError: a file may be damaged.
        HuntError: not exactly one SELECT, invalid SQL, too much memory, or the timeout exceeded,
            which counts from opening the files to fetching the last row.
    """
    _require_select(sql)
    connection = engine.open_engine()
    read_files = files
    try:
        with limit_memory(), limit_time(connection, timeout_seconds) as deadline:
            views = HuntViews(
                connection=connection, archive=archive, derived_types=derived_types, span=span
            )
            directory.create_views(connection, sql)
            read_files = views.create_views(sql, files, column_sets)
            _restrict_access(connection, archive.locate_files(read_files))
            result = connection.execute(sql)
            names = tuple(column[0] for column in result.description or ())
            rows = fetch_rows(result, count=limit + 1, deadline=deadline)
        return HuntResult(columns=names, rows=tuple(rows[:limit]), truncated=len(rows) > limit)
    except duckdb.Error as error:
        raise _build_error(error, archive, read_files) from None
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
    is_select = len(statements) == 1 and statements[0].type == duckdb.StatementType.SELECT
    if not is_select or _is_pragma(sql):
        raise HuntError("give exactly one SELECT; the archive is read-only")


def _is_pragma(sql: str) -> bool:
    """Whether it is a PRAGMA, which DuckDB 1.5 takes for the SELECT that it makes of it."""
    code = (at for at, kind in duckdb.tokenize(sql) if not str(kind).endswith("comment"))
    return sql.encode()[next(code, 0) :][:6].lower() == b"pragma"


def _measure_brackets(sql: str) -> int:
    """How many brackets are open at most, those in texts included: planning cannot be ended."""
    level = deepest = 0
    for sign in re.findall(r"[(\[{)\]}]", sql):
        level = level + 1 if sign in "([{" else max(level - 1, 0)
        deepest = max(deepest, level)
    return deepest


def _restrict_access(
    connection: duckdb.DuckDBPyConnection, locations: Sequence[FileLocation]
) -> None:
    allowed = ", ".join(map(quote_literal, locations))
    connection.execute(f"SET allowed_paths = [{allowed}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _build_error(
    error: duckdb.Error, archive: ArchiveStore, files: Sequence[ArchiveFile]
) -> HuntError:
    """The error of a query over these files. The engine has none of its own for damage.

    Most of what it says of damage names the file, and no mistake of a query does; some of it is of
    the kind that nothing else is of.
    """
    message = _take_first_line(error)
    paths = tuple(file.path for file in files)
    named_paths = tuple(
        path
        for path, location in zip(paths, archive.locate_files(files), strict=True)
        if location in message
    )
    suspects = named_paths or (paths if type(error) is duckdb.Error else ())
    if not suspects:
        return HuntError(message)
    return HuntReadError(message, suspects=suspects, read_paths=paths)


def _take_first_line(error: Exception) -> str:
    return str(error).split("\n\n")[0].strip()
