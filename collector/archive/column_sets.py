"""Which files of an archive have the same columns, remembered from one query to the next."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb

from collector.archive.store import ArchiveStore
from collector.escaping import quote_literal
from collector.model import ArchiveFile

_FILES_PER_QUERY = 1000
"""Between two of them a query can be ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnSetCache:
    """A file that remembers which columns files have; without it they are opened again.

    A replay may write other columns to the path of a file, so what was learnt of a path is only
    true of so many bytes.

    Attributes:
        path: the file.
        committed_files: all files that there are; others are forgotten.
    """

    path: Path
    committed_files: Sequence[ArchiveFile] = ()

    def load_column_sets(self) -> dict[str, str]:
        """By path, a text that is the same for the same columns; without files that are unknown.

        Nothing where the cache cannot be read.
        """
        try:
            entries = json.loads(self.path.read_bytes())
            return {
                file.path: str(entries[file.path][1])
                for file in self.committed_files
                if file.path in entries and entries[file.path][0] == file.bytes
            }
        except (OSError, ValueError, TypeError, LookupError, RecursionError):
            return {}

    def add_column_sets(self, column_sets: Mapping[str, str]) -> None:
        """Remember these too. Of several processes that do so the last one counts.

        A disk that refuses it is no fault: the files are opened again next time.
        """
        known = {**self.load_column_sets(), **column_sets}
        entries = {
            file.path: (file.bytes, known[file.path])
            for file in self.committed_files
            if file.path in known
        }
        temporary = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        with suppress(OSError):
            try:
                temporary.touch(mode=0o600)
                temporary.write_text(json.dumps(entries, separators=(",", ":")), encoding="utf-8")
                temporary.replace(self.path)
            finally:
                temporary.unlink(missing_ok=True)


def read_column_sets(
    connection: duckdb.DuckDBPyConnection, archive: ArchiveStore, files: Sequence[ArchiveFile]
) -> dict[str, str]:
    """By the path of a file, a text that is the same for files with the same columns and types.

    It opens each file. Raises duckdb.Error where one cannot be read.
    """
    column_sets: dict[str, str] = {}
    for start in range(0, len(files), _FILES_PER_QUERY):
        piece = files[start : start + _FILES_PER_QUERY]
        paths = dict(zip(archive.locate_files(piece), (file.path for file in piece), strict=True))
        names = ", ".join(map(quote_literal, paths))
        rows = connection.execute(
            "SELECT file_name, md5(list_sort(list((name, duckdb_type)))::VARCHAR)"
            f" FROM parquet_schema([{names}]) WHERE num_children IS NULL GROUP BY file_name"
        ).fetchall()
        column_sets |= {paths[location]: columns for location, columns in rows}
    return column_sets
