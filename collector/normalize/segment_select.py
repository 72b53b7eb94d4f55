"""Builds the one SELECT that turns a segment's rows into rows of the event table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from collector.csv_records import MAX_RECORD_BYTES
from collector.escaping import quote_identifier, quote_literal
from collector.model import Batch, EventFamily
from collector.model.event_columns import (
    ADDRESS_KEYS,
    CANONICAL_COLUMNS,
    NAME_COLUMNS,
    RECORD_ID_COLUMNS,
)
from collector.normalize import event_schema
from collector.normalize.column_mappings import resolve_mapping
from collector.normalize.computed_columns import build_computed_columns
from collector.normalize.event_schema import NativeColumn
from collector.normalize.event_times import build_time_reading, render_timestamp
from collector.normalize.ip_address_sql import (
    match_address,
    select_addresses,
    select_ipv4_addresses,
)
from collector.normalize.plain_name_sql import select_plain_names, select_same_names
from collector.normalize.segment_lookups import NO_LOOKUPS, SegmentLookups, join_lookups
from collector.normalize.value_readers import read_long_id, read_name

PLACEHOLDER_ID = "000000000000000AAA"
"""The `Id` of every row of every Big Object."""

_ORDINAL_COLUMN = "ordinal"
_ORDINAL_BYTES = 64
"""Room for a comma and a number after a record of the greatest length."""

_REUSED_COLUMNS = ("time", "own_time", "source_ip", "query", "uri", "entity", *NAME_COLUMNS)
_RECORD_NUMBER = "record_number"

RelationColumns = Mapping[str, str]
"""The relation's column of each native column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentRelation:
    """A SQL FROM item over a segment: every column VARCHAR, empty text NULL, in the file's order.

    `ordinal` is SQL for the number of a record in its segment, from 1; `size` is in bytes.
    """

    sql: str
    ordinal: str
    size: int = 0


def build_segment_relation(path: Path, columns: Sequence[str]) -> SegmentRelation:
    """A segment as it was cut.

    Nothing is guessed and no row is skipped: text that a user has typed cannot move the boundary of
    a record, and a segment with a row that has not these columns, or with what is no UTF-8, is
    refused as a whole. Its quotes have to balance (`collector.csv_segments` sees to that): the
    engine says nothing of a last record that is cut off inside a field.
    """
    names = _name_relation_columns(columns)
    return SegmentRelation(
        sql=_build_csv_reading(path, names),
        ordinal="row_number() OVER ()",
        size=path.stat().st_size,
    )


def build_repaired_relation(path: Path, columns: Sequence[str]) -> SegmentRelation:
    """A segment that `segment_repair` has written: its records numbered, in a last column."""
    names = [*_name_relation_columns(columns), _ORDINAL_COLUMN]
    return SegmentRelation(
        sql=_build_csv_reading(path, names), ordinal=_ORDINAL_COLUMN, size=path.stat().st_size
    )


def _build_csv_reading(path: Path, names: Sequence[str]) -> str:
    types = ", ".join(f"{name}: 'VARCHAR'" for name in names)
    return (
        f"read_csv({quote_literal(str(path))}, columns = {{{types}}}, auto_detect = false,"
        " header = true, delim = ',', quote = '\"', escape = '\"', nullstr = '',"
        " parallel = false, strict_mode = true,"
        f" max_line_size = {MAX_RECORD_BYTES + _ORDINAL_BYTES})"
    )


def build_segment_select(
    *,
    batch: Batch,
    segment: int,
    relation: SegmentRelation,
    lookups: SegmentLookups = NO_LOOKUPS,
) -> str:
    """SQL that gives the events of one segment: the canonical columns, then the native ones.

    Args:
        batch: what the segment belongs to; its `columns` name the relation's, by position.
        segment: the segment's number, a part of `event_uid` for records without an id of their own.
        relation: the segment's records, with the batch's columns first.
        lookups: which tables of the connection hold what is known of the values in it.

    Rows that repeat the header line are left out. The engine's time zone is taken to be UTC.
    """
    aliases, relation_columns = name_columns(batch)
    names = [name.strip() for name in batch.columns]
    natives = event_schema.assign_native_columns(names, batch.event_type)
    readings = map_canonical_columns(relation_columns, batch)
    times = build_time_reading(relation_columns, batch)
    readings["time"] = times.time
    if times.own_time is not None:
        readings["own_time"] = times.own_time
    verbatim_columns = {
        native.canonical: alias
        for native, alias in zip(natives, aliases, strict=True)
        if native.canonical is not None and native.canonical not in NAME_COLUMNS
    }
    readings |= verbatim_columns | read_verbatim_names(batch)
    computed = build_computed_columns(readings, times, batch, lookups)
    values = readings | computed | verbatim_columns | _build_constant_columns(batch)
    values["event_uid"] = _build_event_uid(relation_columns, batch, segment)
    columns = [
        f"{values.get(name, 'NULL')}::{kind} AS {name}" for name, kind in CANONICAL_COLUMNS.items()
    ]
    columns += [
        f"{_select_native(alias, native)} AS {quote_identifier(native.stored_name)}"
        for alias, native in zip(aliases, natives, strict=True)
        if native.stored_name is not None
    ]
    prepared = _build_prepared_relation(readings, relation_columns, aliases, relation, lookups)
    return f"SELECT {', '.join(columns)} FROM {join_lookups(prepared, lookups)}"


def read_verbatim_names(batch: Batch) -> dict[str, str]:
    """SQL for the canonical names that native columns have under their own names."""
    natives = event_schema.assign_native_columns(
        [name.strip() for name in batch.columns], batch.event_type
    )
    return {
        native.canonical: read_name(alias)
        for native, alias in zip(natives, _name_relation_columns(batch.columns), strict=True)
        if native.canonical in NAME_COLUMNS
    }


def name_columns(batch: Batch) -> tuple[list[str], RelationColumns]:
    """The relation's columns in their order, and by the names of the native ones."""
    names = [name.strip() for name in batch.columns]
    aliases = _name_relation_columns(names)
    return aliases, dict(zip(reversed(names), reversed(aliases), strict=True))


def _name_relation_columns(columns: Sequence[str]) -> list[str]:
    """Generated names, so that those in the file cannot affect the SQL."""
    return [f"c{index}" for index in range(len(columns))]


def _select_native(alias: str, native: NativeColumn) -> str:
    """SQL: the column as it came; NULL where the canonical column that it fills has it so."""
    if native.canonical is None:
        return alias
    return f"CASE WHEN {alias} IS DISTINCT FROM plain_{native.canonical} THEN {alias} END"


def map_canonical_columns(columns: RelationColumns, batch: Batch) -> dict[str, str]:
    """SQL for the canonical columns that this file's columns can fill, but for `time`.

    Ids are as they came.
    """
    readings: dict[str, str] = {}
    for column, candidates in resolve_mapping(batch.event_type).items():
        if column == "time":
            continue
        present = [
            (columns[c.native_column], c.read_value)
            for c in candidates
            if c.native_column in columns
        ]
        # Ids that need no more are read below, once where several columns may have them.
        values = [alias if read is read_long_id else read(alias) for alias, read in present]
        if column in ADDRESS_KEYS:  # the next one serves where a column has text but no address
            values[:-1] = [
                f"CASE WHEN {match_address(each)} THEN {each} END" for each in values[:-1]
            ]
        if values:
            readings[column] = values[0] if len(values) == 1 else f"coalesce({', '.join(values)})"
    return readings


def _build_prepared_relation(
    readings: Mapping[str, str],
    columns: RelationColumns,
    aliases: Sequence[str],
    relation: SegmentRelation,
    lookups: SegmentLookups,
) -> str:
    """A FROM item with the natives and with what is needed several times, computed once."""
    given = ", ".join(
        f"{readings.get(column, 'NULL')} AS given_{column}"
        for column in (*_REUSED_COLUMNS, *RECORD_ID_COLUMNS)
    )
    header = columns.get("EVENT_TYPE")
    condition = f" WHERE {header} IS DISTINCT FROM 'EVENT_TYPE'" if header else ""
    rows = (
        f"SELECT *, {given}, {relation.ordinal} AS {_RECORD_NUMBER}"
        f" FROM {relation.sql} AS native({', '.join(aliases)}){condition}"
    )
    names = {f"plain_{column}": f"given_{column}" for column in NAME_COLUMNS if column in readings}
    if names:
        select_names = select_same_names if lookups.has_plain_names else select_plain_names
        rows = select_names(f"({rows})", names)
    if "source_ip" in readings:
        select = select_ipv4_addresses if lookups.has_ipv4_addresses else select_addresses
        rows = select(f"({rows})", "given_source_ip")
    return f"({rows})"


def _build_constant_columns(batch: Batch) -> dict[str, str]:
    return {
        "org": quote_literal(batch.stream.org),
        "source": quote_literal(batch.stream.source),
        "event_type": quote_literal(batch.event_type),
        "received": render_timestamp(batch.received),
        "batch": quote_literal(batch.key),
    }


def _build_event_uid(columns: RelationColumns, batch: Batch, segment: int) -> str:
    """SQL: the record's own id, else a hash of its values; for log files, its row number."""
    family = event_schema.find_family(batch.event_type)
    ids = [_read_own_id(columns[name]) for name in ("EventIdentifier", "Id") if name in columns]
    if "EVENT_TYPE" in columns or family is EventFamily.LOG_FILE or not (ids or family):
        prefix = quote_literal(f"{batch.record_prefix}:{segment}:")
        return f"{prefix} || {_RECORD_NUMBER}"
    values = ", ".join(
        f"{quote_literal(name + '=')} || {columns[name]}" for name in sorted(columns)
    )
    digest = f"{quote_literal(batch.event_type + ':')} || md5(concat_ws(chr(31), {values}))"
    return f"coalesce({', '.join([*ids, digest])})"


def _read_own_id(alias: str) -> str:
    return f"nullif(nullif(trim({alias}), ''), '{PLACEHOLDER_ID}')"
