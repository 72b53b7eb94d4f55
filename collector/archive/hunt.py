"""Read-only SQL over the committed archive: nothing else can be read, and nothing written."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from collector import engine
from collector.archive.read import relation, with_columns
from collector.errors import HuntError
from collector.model import ArchiveFile, View
from collector.text import sql_identifier, sql_literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The rows of a query; `truncated` when there were more than the limit."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    truncated: bool


def hunt(
    sql: str,
    *,
    root: Path,
    files: Sequence[ArchiveFile],
    derived: Mapping[str, View],
    seconds: float = 60.0,
    limit: int = 10_000,
) -> Answer:
    """Run one SELECT over the table `events` and one view for each event type.

    Raises:
        HuntError: no single SELECT, a mistake in it, or a limit that it went over.
    """
    _require_select(sql)
    connection = engine.connect()
    try:
        _create_views(connection, sql, root, files, derived)
        _lock(connection, [root / file.path for file in files])
        return _run(connection, sql, seconds=seconds, limit=limit)
    except duckdb.Error as error:
        raise HuntError(_first_line(error)) from None
    finally:
        connection.close()


def _require_select(sql: str) -> None:
    try:
        statements = duckdb.extract_statements(sql)
    except duckdb.Error as error:
        raise HuntError(_first_line(error)) from None
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise HuntError("give exactly one SELECT; the archive is read-only")


def _create_views(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    root: Path,
    files: Sequence[ArchiveFile],
    derived: Mapping[str, View],
) -> None:
    by_type: dict[str, list[Path]] = {}
    for file in files:
        by_type.setdefault(file.event_type, []).append(root / file.path)
    # Opening every file costs time: only the views that the query may name are made.
    words = {word.lower() for word in re.findall(r"\w+", sql)}
    for name, paths in by_type.items():
        if name.lower() in words:
            _view(connection, name, f"SELECT * FROM {relation(paths)}")
    for name, view in derived.items():
        paths = [path for source in view.sources for path in by_type.get(source, ())]
        if name.lower() in words and paths:
            _view(
                connection, name, view.select(with_columns(connection, relation(paths), view.needs))
            )
    if "events" in words and by_type:
        _view(connection, "events", f"SELECT * FROM {relation(root / f.path for f in files)}")


def _view(connection: duckdb.DuckDBPyConnection, name: str, select: str) -> None:
    connection.execute(f"CREATE VIEW {sql_identifier(name)} AS {select}")


def _lock(connection: duckdb.DuckDBPyConnection, paths: Sequence[Path]) -> None:
    allowed = ", ".join(sql_literal(str(path)) for path in paths)
    connection.execute(f"SET allowed_paths = [{allowed}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _run(connection: duckdb.DuckDBPyConnection, sql: str, *, seconds: float, limit: int) -> Answer:
    timer = threading.Timer(seconds, connection.interrupt)
    timer.start()
    try:
        result = connection.execute(sql)
        names = tuple(column[0] for column in result.description or ())
        rows = result.fetchmany(limit + 1)
    except duckdb.InterruptException:
        raise HuntError(f"the query took more than {seconds:g} seconds; narrow it") from None
    finally:
        timer.cancel()
    return Answer(columns=names, rows=tuple(rows[:limit]), truncated=len(rows) > limit)


def _first_line(error: Exception) -> str:
    return str(error).split("\n\n")[0].strip()
