"""Which files the derived records of fresh events are made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import duckdb

from collector import engine
from collector.archive.parquet_sql import FileLocation
from collector.evaluation.nearby_files import choose_nearby_files
from collector.normalize import DERIVED_EVENT_TYPES


class _Tables:
    """Tables of an engine of its own."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def create_table(self, select: str) -> str:
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE made AS {select}")
        return "made"

    def read_values(self, select: str) -> Sequence[Any]:
        return [row[0] for row in self._connection.execute(select).fetchall()]

    def write_file(self, path: Path, select: str) -> FileLocation:
        self._connection.execute(f"COPY ({select}) TO '{path}' (FORMAT parquet)")
        return FileLocation(str(path))


@contextmanager
def _open_tables() -> Iterator[_Tables]:
    with closing(engine.open_engine()) as connection:
        yield _Tables(connection)


def _select_call(uid: str, time: str, request_id: str | None) -> str:
    request = "" if request_id is None else f", '{request_id}' AS request_id"
    return f"SELECT '{uid}' AS event_uid, TIMESTAMPTZ '2026-11-10 {time}+00' AS time{request}"


def test_files_are_chosen_by_time_and_by_links(tmp_path: Path) -> None:
    """Of many files those have events near fresh ones that lie in time, or in a link, beside them.

    A file without the column of the link, and one whose name has a quote, are read like the others.
    """
    calls = {
        "same minute": ("a", "10:00:59", "r1"),
        "next minute": ("b", "10:01:59", None),
        "far, and linked": ("c", "03:00:00", "r0"),
        "far, it's another": ("d", "10:02:00", "r2"),
        "far, without a link": ("e", "09:58:59", None),
    }
    with _open_tables() as tables:
        fresh = f"({_select_call('f', '10:00:00', 'r0')})"
        locations = [
            tables.write_file(tmp_path / f"{number} {name}.parquet".replace("'", "''"), select)
            for number, (name, call) in enumerate(calls.items())
            for select in [_select_call(*call)]
        ]
        written = {path.name: FileLocation(str(path)) for path in tmp_path.iterdir()}
        assert len(written) == len(locations)
        chosen = choose_nearby_files(
            tables, DERIVED_EVENT_TYPES["ApiCall"], fresh, sorted(written.values())
        )
        names = [Path(location).stem[2:] for location in chosen]
        assert names == ["same minute", "next minute", "far, and linked"]


def test_files_of_jobs_are_chosen_by_their_ids(tmp_path: Path) -> None:
    """However far away in time, the files with the job of a fresh event are read, and no others."""
    with _open_tables() as tables:
        fresh = "(SELECT 'f' AS event_uid, '750A' AS job_id)"
        locations = [
            tables.write_file(tmp_path / f"{job}.parquet", f"SELECT '{job}' AS job_id")
            for job in ("750A", "750B", "750C", "750D")
        ]
        chosen = choose_nearby_files(tables, DERIVED_EVENT_TYPES["BulkJob"], fresh, locations)
        assert chosen == locations[:1]


def test_few_files_are_read_as_they_are(tmp_path: Path) -> None:
    """Of few files nothing is asked: they need not even be there."""
    locations = [FileLocation(str(tmp_path / f"{number}.parquet")) for number in range(3)]
    with _open_tables() as tables:
        chosen = choose_nearby_files(tables, DERIVED_EVENT_TYPES["BulkJob"], "nothing", locations)
    assert chosen == locations
