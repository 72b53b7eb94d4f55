"""The newest files of an archive: what columns the events of a type have by now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import duckdb

from collector.archive.event_paths import FILE_SUFFIX
from collector.archive.parquet_sql import FileLocation
from collector.escaping import quote_literal

_TYPE_PREFIX, _DAY_PREFIX = "event_type=", "date="


def find_newest_files(root: Path) -> Mapping[str, list[FileLocation]]:
    """By event type, for each org one of the last day's files, committed or not.

    Nothing of folders that are not there, or may not be read.
    """
    found: dict[str, list[FileLocation]] = {}
    for path in _iterate_newest(root):
        event_type = path.parent.parent.name.removeprefix(_TYPE_PREFIX)
        found.setdefault(event_type, []).append(FileLocation(str(path)))
    return found


def list_newest_days(root: Path) -> frozenset[str]:
    """The last day's folder of each org and event type, relative to the archive's."""
    return frozenset(str(path.parent.relative_to(root)) for path in _iterate_newest(root))


def _iterate_newest(root: Path) -> Iterator[Path]:
    """For each org and event type, the first file by name of the last day that has any."""
    for folder in root.glob(f"org=*/{_TYPE_PREFIX}*"):
        days = sorted(folder.glob(f"{_DAY_PREFIX}*"), reverse=True)
        files = (path for day in days for path in sorted(day.glob(f"*{FILE_SUFFIX}"))[:1])
        if newest := next(files, None):
            yield newest


def read_column_names(
    connection: duckdb.DuckDBPyConnection, locations: Iterable[FileLocation]
) -> Mapping[FileLocation, frozenset[str]]:
    """By file, the names of its columns.

    Raises:
        duckdb.Error: one of them cannot be read.
    """
    names = ", ".join(map(quote_literal, locations))
    if not names:
        return {}
    rows = connection.execute(
        f"SELECT file_name, list(name) FROM parquet_schema([{names}])"
        " WHERE num_children IS NULL GROUP BY file_name"
    ).fetchall()
    return {FileLocation(name): frozenset(columns) for name, columns in rows}
