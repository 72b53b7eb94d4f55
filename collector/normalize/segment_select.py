"""Builds the one SELECT that turns a segment's rows into rows of the event table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from collector.clock import EARLIEST_TIME, FUTURE_TOLERANCE
from collector.csv_records import MAX_RECORD_BYTES
from collector.escaping import quote_identifier, quote_literal
from collector.model import Batch, EventFamily, LogFileFacts
from collector.model.event_columns import (
    ADDRESS_KEYS,
    CANONICAL_COLUMNS,
    NAME_COLUMNS,
    RECORD_ID_COLUMNS,
)
from collector.normalize import event_schema
from collector.normalize.column_mappings import resolve_mapping
from collector.normalize.event_schema import NativeColumn
from collector.normalize.ip_address_sql import match_address, select_addresses
from collector.normalize.plain_name_sql import select_plain_names
from collector.normalize.soql_object import extract_main_object
from collector.normalize.value_readers import read_long_id, read_name

MAX_EVENT_AGE = timedelta(days=31)
MAX_EVENT_LEAD = timedelta(days=3)
"""How long before or after its LogDate an event of a listed log file may be: a file is of an hour
or a day. It bounds how many days one file may write to."""

NO_TIME = "none given"
"""What `time_defect` says of an event that came without any time."""

MAX_SHOWN_TIME = 60
"""So many characters are shown of a time that could not be read."""

PLACEHOLDER_ID = "000000000000000AAA"
"""The `Id` of every row of every Big Object."""

_ORDINAL_COLUMN = "ordinal"
_ORDINAL_BYTES = 64
"""Room for a comma and a number after a record of the greatest length."""

_REUSED_COLUMNS = ("time", "time_text", "source_ip", "query", "entity", *NAME_COLUMNS)

RelationColumns = Mapping[str, str]
"""The relation's column of each native column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentRelation:
    """A SQL FROM item over a segment: every column VARCHAR, empty text NULL, in the file's order.

    `ordinal` is SQL for the number of a record in its segment, from 1.
    """

    sql: str
    ordinal: str


def build_segment_relation(path: Path, columns: Sequence[str]) -> SegmentRelation:
    """A segment as it was cut.

    Nothing is guessed and no row is skipped: text that a user has typed cannot move the boundary of
    a record, and a segment with a row that has not these columns, or with what is no UTF-8, is
    refused as a whole. Its quotes have to balance (`collector.csv_segments` sees to that): the
    engine says nothing of a last record that is cut off inside a field.
    """
    names = _name_relation_columns(columns)
    return SegmentRelation(sql=_build_csv_reading(path, names), ordinal="row_number() OVER ()")


def build_repaired_relation(path: Path, columns: Sequence[str]) -> SegmentRelation:
    """A segment that `segment_repair` has written: its records numbered, in a last column."""
    names = [*_name_relation_columns(columns), _ORDINAL_COLUMN]
    return SegmentRelation(sql=_build_csv_reading(path, names), ordinal=_ORDINAL_COLUMN)


def _build_csv_reading(path: Path, names: Sequence[str]) -> str:
    types = ", ".join(f"{name}: 'VARCHAR'" for name in names)
    return (
        f"read_csv({quote_literal(str(path))}, columns = {{{types}}}, auto_detect = false,"
        " header = true, delim = ',', quote = '\"', escape = '\"', nullstr = '',"
        " parallel = false, strict_mode = true,"
        f" max_line_size = {MAX_RECORD_BYTES + _ORDINAL_BYTES})"
    )


def build_segment_select(*, batch: Batch, segment: int, relation: SegmentRelation) -> str:
    """SQL that gives the events of one segment: the canonical columns, then the native ones.

    Args:
        batch: what the segment belongs to; its `columns` name the relation's, by position.
        segment: the segment's number, a part of `event_uid` for records without an id of their own.
        relation: the segment's records, with the batch's columns first.

    Rows that repeat the header line are left out. The engine's time zone is taken to be UTC.
    """
    names = [name.strip() for name in batch.columns]
    aliases = _name_relation_columns(names)
    relation_columns = dict(zip(reversed(names), reversed(aliases), strict=True))
    natives = event_schema.assign_native_columns(names, batch.event_type)
    readings = _map_canonical_columns(relation_columns, batch)
    verbatim_columns = {
        native.canonical: alias
        for native, alias in zip(natives, aliases, strict=True)
        if native.canonical is not None and native.canonical not in NAME_COLUMNS
    }
    readings |= verbatim_columns
    readings |= {
        native.canonical: read_name(alias)
        for native, alias in zip(natives, aliases, strict=True)
        if native.canonical in NAME_COLUMNS
    }
    computed = _build_computed_columns(readings, batch)
    values = readings | computed | verbatim_columns | _build_constant_columns(batch)
    values["event_uid"] = _build_event_uid(relation_columns, batch, segment, relation.ordinal)
    columns = [
        f"{values.get(name, 'NULL')}::{kind} AS {name}" for name, kind in CANONICAL_COLUMNS.items()
    ]
    columns += [
        f"{_select_native(alias, native)} AS {quote_identifier(native.stored_name)}"
        for alias, native in zip(aliases, natives, strict=True)
        if native.stored_name is not None
    ]
    prepared = _build_prepared_relation(readings, relation_columns, aliases, relation.sql)
    return f"SELECT {', '.join(columns)} FROM {prepared}"


def _name_relation_columns(columns: Sequence[str]) -> list[str]:
    """Generated names, so that those in the file cannot affect the SQL."""
    return [f"c{index}" for index in range(len(columns))]


def _select_native(alias: str, native: NativeColumn) -> str:
    """SQL: the column as it came; NULL where the canonical column that it fills has it so."""
    if native.canonical is None:
        return alias
    return f"CASE WHEN {alias} IS DISTINCT FROM plain_{native.canonical} THEN {alias} END"


def _map_canonical_columns(columns: RelationColumns, batch: Batch) -> dict[str, str]:
    """SQL for the canonical columns that this file's columns can fill; ids as they came.

    `time` is the first one that can be read and can be; `time_text` is what came for it, as text.
    """
    readings: dict[str, str] = {}
    for column, candidates in resolve_mapping(batch.event_type).items():
        present = [
            (columns[c.native_column], c.read_value)
            for c in candidates
            if c.native_column in columns
        ]
        values = [alias if column in RECORD_ID_COLUMNS else read(alias) for alias, read in present]
        if column == "time":
            values = [_build_possible_time(value, batch) for value in values]
            texts = [f"nullif(trim({alias}), '')" for alias, _ in present]
            readings |= {"time_text": f"coalesce({', '.join(texts)})"} if texts else {}
        if column in ADDRESS_KEYS:  # the next one serves where a column has text but no address
            values[:-1] = [
                f"CASE WHEN {match_address(each)} THEN {each} END" for each in values[:-1]
            ]
        if values:
            readings[column] = values[0] if len(values) == 1 else f"coalesce({', '.join(values)})"
    return readings


def _build_possible_time(time: str, batch: Batch) -> str:
    """SQL: a time that an event of the batch may have; NULL for any other."""
    earliest, latest = map(_render_timestamp, _compute_possible_span(batch))
    return f"CASE WHEN {time} BETWEEN {earliest} AND {latest} THEN {time} END"


def _compute_possible_span(batch: Batch) -> tuple[datetime, datetime]:
    """The first and the last time that events of the batch may have."""
    latest = batch.received + FUTURE_TOLERANCE
    if not isinstance(batch.facts, LogFileFacts):
        return EARLIEST_TIME, latest
    return batch.log_time - MAX_EVENT_AGE, min(batch.log_time + MAX_EVENT_LEAD, latest)


def _build_prepared_relation(
    readings: Mapping[str, str], columns: RelationColumns, aliases: Sequence[str], relation: str
) -> str:
    """A FROM item with the natives and with what is needed several times, computed once."""
    given = ", ".join(
        f"{readings.get(column, 'NULL')} AS given_{column}"
        for column in (*_REUSED_COLUMNS, *RECORD_ID_COLUMNS)
    )
    header = columns.get("EVENT_TYPE")
    condition = f" WHERE {header} IS DISTINCT FROM 'EVENT_TYPE'" if header else ""
    rows = f"SELECT *, {given} FROM {relation} AS native({', '.join(aliases)}){condition}"
    names = {f"plain_{column}": f"given_{column}" for column in NAME_COLUMNS if column in readings}
    if names:
        rows = select_plain_names(f"({rows})", names)
    if "source_ip" in readings:
        rows = select_addresses(f"({rows})", "given_source_ip")
    return f"({rows})"


def _build_computed_columns(readings: Mapping[str, str], batch: Batch) -> dict[str, str]:
    """SQL for the columns that are computed from what `_build_prepared_relation` adds."""
    computed = {
        "time": f"coalesce(given_time, {_render_timestamp(batch.log_time)})",
        "time_defect": (
            "CASE WHEN given_time IS NULL THEN"
            f" coalesce(left(given_time_text, {MAX_SHOWN_TIME}), {quote_literal(NO_TIME)}) END"
        ),
        "query": "given_query",
    }
    if "source_ip" in readings:
        computed |= {"source_ip": "read_address", "source_ip_key": "read_address_key"}
    computed |= {column: f"plain_{column}" for column in NAME_COLUMNS if column in readings}
    computed |= {
        column: read_long_id(f"given_{column}")
        for column in RECORD_ID_COLUMNS
        if column in readings
    }
    if "query" in readings:
        computed["entity"] = f"coalesce(given_entity, {extract_main_object('given_query')})"
    return computed


def _build_constant_columns(batch: Batch) -> dict[str, str]:
    return {
        "org": quote_literal(batch.stream.org),
        "source": quote_literal(batch.stream.source),
        "event_type": quote_literal(batch.event_type),
        "received": _render_timestamp(batch.received),
        "batch": quote_literal(batch.key),
    }


def _build_event_uid(columns: RelationColumns, batch: Batch, segment: int, ordinal: str) -> str:
    """SQL: the record's own id, else a hash of its values; for log files, its row number."""
    family = event_schema.find_family(batch.event_type)
    ids = [_read_own_id(columns[name]) for name in ("EventIdentifier", "Id") if name in columns]
    if "EVENT_TYPE" in columns or family is EventFamily.LOG_FILE or not (ids or family):
        prefix = quote_literal(f"{batch.record_prefix}:{segment}:")
        return f"{prefix} || {ordinal}"
    values = ", ".join(
        f"{quote_literal(name + '=')} || {columns[name]}" for name in sorted(columns)
    )
    digest = f"{quote_literal(batch.event_type + ':')} || md5(concat_ws(chr(31), {values}))"
    return f"coalesce({', '.join([*ids, digest])})"


def _read_own_id(alias: str) -> str:
    return f"nullif(nullif(trim({alias}), ''), '{PLACEHOLDER_ID}')"


def _render_timestamp(moment: datetime) -> str:
    return f"TIMESTAMPTZ {quote_literal(moment.astimezone(UTC).isoformat(sep=' '))}"
