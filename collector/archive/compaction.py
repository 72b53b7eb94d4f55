"""Makes one file of several: the same events, by time, and not a value of them changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from collector.archive import member_origins, parquet_writer
from collector.archive.member_origins import CompactedOrigin
from collector.archive.parquet_sql import FileLocation, build_relation
from collector.archive.parquet_writer import StagedFile
from collector.errors import CompactionError
from collector.escaping import quote_identifier, quote_literal
from collector.model import ArchiveFile
from collector.stable_ids import hash_lines

NAME_PREFIX = "compacted-"

MAX_SORTED_ROWS = 20_480
"""More are not sorted as a whole, for want of memory: they come file by file, each of which is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Content:
    """Columns with their types, and of the events a number and two sums that tell them apart."""

    columns: tuple[tuple[str, str], ...]
    rows: int
    hashes: tuple[int, int]


def name_compacted_file(files: Iterable[ArchiveFile]) -> str:
    """The name, without suffix, of what is made of these: the same whenever it is made again."""
    lines = [f"{file.path} {file.rows} {file.bytes} {file.sha256}" for file in files]
    return f"{NAME_PREFIX}{hash_lines(*sorted(lines))}"


def select_like_typed(
    connection: duckdb.DuckDBPyConnection, locations: Sequence[FileLocation]
) -> list[FileLocation]:
    """The most of the files that have no column in common with another type.

    Where types differ, a column over all of them would have another one than it had.

    Raises:
        duckdb.Error: one of them cannot be read.
    """
    names = ", ".join(map(quote_literal, locations))
    schema = f"parquet_schema([{names}])"
    form = "concat_ws('|', type, converted_type, logical_type)"
    rows = connection.execute(
        f"SELECT file_name, list(name || '=' || {form} ORDER BY name) FROM {schema} WHERE name IN"
        f" (SELECT name FROM {schema} GROUP BY name HAVING count(DISTINCT {form}) > 1)"
        " GROUP BY file_name"
    ).fetchall()
    forms = {name: tuple(types) for name, types in rows}
    counts = Counter(forms.get(location, ()) for location in locations)
    chosen, _ = max(counts.items(), key=lambda item: (item[1], item[0]))
    return [location for location in locations if forms.get(location, ()) == chosen]


def write_compacted_events(
    connection: duckdb.DuckDBPyConnection,
    locations: Sequence[FileLocation],
    path: Path,
    *,
    origin: CompactedOrigin,
) -> StagedFile:
    """Write the events of several files into one, and make sure that they are the same.

    They are in the order of time, or where they are many in that of the files.

    Raises:
        CompactionError: they are not; no file remains.
        duckdb.Error: they could not be read or written; no file remains.
    """
    relation = build_relation(locations)
    before = _measure_content(connection, relation)
    order = " ORDER BY time, event_uid" if before.rows <= MAX_SORTED_ROWS else ""
    staged = parquet_writer.write_events(
        connection,
        f"SELECT * FROM {relation}{order}",
        path,
        metadata=member_origins.render_metadata(origin),
        options=parquet_writer.FRUGAL_OPTIONS,
    )
    if staged is None:
        raise CompactionError("the files to compact have no event")
    try:
        _check_content(connection, build_relation([FileLocation(str(path))]), before, origin)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return staged


def _check_content(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    expected: _Content,
    origin: CompactedOrigin,
) -> None:
    if _measure_content(connection, relation) != expected:
        raise CompactionError("the compacted file does not have the events that it is of")
    if _count_by_batch(connection, relation) != member_origins.count_by_batch(origin.members):
        raise CompactionError("the files have other numbers of events of a batch than the ledger")


def _measure_content(connection: duckdb.DuckDBPyConnection, relation: str) -> _Content:
    described = connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
    columns = tuple(sorted((row[0], row[1]) for row in described))
    names = ", ".join(quote_identifier(name) for name, _ in columns)
    row = connection.execute(
        "SELECT count(*), coalesce(bit_xor(hash(f)), 0), coalesce(sum(hash(f)::HUGEINT), 0)"
        f" FROM (SELECT {names} FROM {relation}) f"
    ).fetchone()
    assert row is not None  # noqa: S101 - an aggregate always answers
    return _Content(columns=columns, rows=row[0], hashes=(row[1], row[2]))


def _count_by_batch(connection: duckdb.DuckDBPyConnection, relation: str) -> Mapping[str, int]:
    rows = connection.execute(f"SELECT batch, count(*) FROM {relation} GROUP BY batch").fetchall()
    return dict(rows)
