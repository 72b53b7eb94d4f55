"""Which of many files have the events that the derived records of fresh ones are made of."""

from __future__ import annotations

from collections.abc import Sequence

from collector.archive.parquet_sql import FileLocation
from collector.escaping import quote_identifier, quote_literal
from collector.model.event_columns import CANONICAL_COLUMNS
from collector.normalize.derived_types import DerivedTypeSql
from collector.normalize.fact_changes import TableMaker

FEW_FILES = 3
"""So many are read as quickly as it is told which of them are needed."""

_FILE_COLUMN = "#file"
"""No column of events can have this name."""


def choose_nearby_files(
    tables: TableMaker, derived: DerivedTypeSql, fresh: str, locations: Sequence[FileLocation]
) -> Sequence[FileLocation]:
    """Those of the files that have all events near fresh ones, and perhaps a few more.

    To read whole events takes far longer than to read by what they are near, and of a day of small
    files few have any. `fresh` is a FROM item with `derived.fresh_columns`.
    """
    if len(locations) <= FEW_FILES:
        return locations
    nearby = derived.build_nearby(fresh, _build_narrow_relation(derived, locations))
    names = tables.read_values(f"SELECT DISTINCT {quote_identifier(_FILE_COLUMN)} FROM {nearby}")
    chosen = [location for location in locations if location in set(names)]
    # An engine that calls files otherwise than we do costs time, and no event.
    return chosen if len(chosen) == len(names) else locations


def _build_narrow_relation(derived: DerivedTypeSql, locations: Sequence[FileLocation]) -> str:
    """A FROM item with `derived.fresh_columns` of all events, NULL where a file lacks one."""
    kinds = {name: CANONICAL_COLUMNS.get(name, "VARCHAR") for name in derived.fresh_columns}
    empty = ", ".join(f"NULL::{kind} AS {quote_identifier(name)}" for name, kind in kinds.items())
    wanted = ", ".join(map(quote_literal, (*kinds, _FILE_COLUMN)))
    files = ", ".join(map(quote_literal, locations))
    return (
        f"(SELECT {empty}, NULL::VARCHAR AS {quote_identifier(_FILE_COLUMN)} WHERE FALSE"
        f" UNION ALL BY NAME SELECT COLUMNS(lambda name: name IN ({wanted}))"
        f" FROM read_parquet([{files}], union_by_name = true, hive_partitioning = false,"
        f" filename = {quote_literal(_FILE_COLUMN)}))"
    )
