"""What an org's files have and nobody documents, as the archive shows it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain

import duckdb

from collector import engine
from collector.archive.newest_files import read_column_names
from collector.archive.parquet_sql import FileLocation
from collector.archive.store import ArchiveStore
from collector.model.event_columns import CANONICAL_COLUMNS
from collector.normalize.event_schema import NAMESAKE_PREFIX


@dataclass(slots=True, kw_only=True)
class FoundFields:
    """The columns of the newest files of an archive, which are opened once, when somebody asks.

    The ledger is not asked: an uncommitted file has the columns of its type like any other.
    """

    archive: ArchiveStore
    _fields_by_type: Mapping[str, frozenset[str]] | None = field(default=None, init=False)

    def list_event_types(self) -> frozenset[str]:
        """The types that the archive has files of."""
        return frozenset(self.archive.find_newest_files())

    def list_fields(self, event_type: str) -> frozenset[str]:
        """The native columns of its newest files, as Salesforce names them.

        None where there is no file of that type, or one that cannot be read.
        """
        if self._fields_by_type is None:
            self._fields_by_type = _read_fields(self.archive.find_newest_files())
        return self._fields_by_type.get(event_type, frozenset())


def _read_fields(files: Mapping[str, list[FileLocation]]) -> dict[str, frozenset[str]]:
    with engine.open_engine() as connection:
        columns = _read_columns(connection, list(chain.from_iterable(files.values())))
    return {
        event_type: frozenset(
            name.removeprefix(NAMESAKE_PREFIX)
            for location in locations
            for name in columns.get(location, ())
            if name not in CANONICAL_COLUMNS
        )
        for event_type, locations in files.items()
    }


def _read_columns(
    connection: duckdb.DuckDBPyConnection, locations: list[FileLocation]
) -> Mapping[FileLocation, frozenset[str]]:
    """The columns of all files, but for those that are damaged, or gone since they were listed."""
    with suppress(duckdb.Error):
        return read_column_names(connection, locations)
    columns: dict[FileLocation, frozenset[str]] = {}
    for location in locations:
        with suppress(duckdb.Error):
            columns.update(read_column_names(connection, [location]))
    return columns
