"""Builds the one SELECT that turns a segment's rows into rows of the event table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from collector.escaping import quote_identifier, quote_literal
from collector.model import Batch, EventFamily
from collector.model.event_columns import CANONICAL_COLUMNS, RECORD_ID_COLUMNS
from collector.normalize import event_schema
from collector.normalize.column_mappings import resolve_mapping
from collector.normalize.ip_address_sql import (
    build_address_groups,
    build_address_key,
    build_address_text,
)
from collector.normalize.soql_object import extract_main_object
from collector.normalize.value_readers import read_long_id

MAX_RECORD_BYTES = 32 << 20
"""Bytes; a single field may have 10 MB."""

EARLIEST_EVENT_TIME = datetime(2000, 1, 1, tzinfo=UTC)
FUTURE_TOLERANCE = timedelta(days=2)
"""How much younger than its batch an event may be; none is older than EARLIEST_EVENT_TIME."""

PLACEHOLDER_ID = "000000000000000AAA"
"""The `Id` of every row of every Big Object."""

_REUSED_COLUMNS = ("time", "source_ip", "query", "entity")

RelationColumns = Mapping[str, str]
"""The name that a native column has in the relation, by its own."""


def build_segment_relation(path: Path, columns: Sequence[str]) -> str:
    """A SQL FROM item over a segment: every column VARCHAR, empty text NULL.

    Nothing is guessed and no row is skipped: text that a user has typed cannot move the boundary of
    a record, and a segment with a row that has not these columns, or with what is no UTF-8, is
    refused as a whole. Its quotes have to balance (`collector.csv_segments` sees to that): the
    engine says nothing of a last record that is cut off inside a field.
    """
    types = ", ".join(f"{place}: 'VARCHAR'" for place in _name_relation_columns(columns))
    return (
        f"read_csv({quote_literal(str(path))}, columns = {{{types}}}, auto_detect = false,"
        " header = true, delim = ',', quote = '\"', escape = '\"', nullstr = '',"
        f" parallel = false, strict_mode = true, max_line_size = {MAX_RECORD_BYTES})"
    )


def build_segment_select(*, batch: Batch, segment: int, relation: str) -> str:
    """SQL that gives the events of one segment: the canonical columns, then the native ones.

    Args:
        batch: what the segment belongs to; its `columns` name the relation's, by position.
        segment: the segment's number, a part of `event_uid` for records without an id of their own.
        relation: a SQL FROM item with one VARCHAR column for each of the batch's.

    Rows that repeat the header line are left out. The engine's time zone is taken to be UTC.
    """
    names = [name.strip() for name in batch.columns]
    aliases = _name_relation_columns(names)
    places = dict(zip(reversed(names), reversed(aliases), strict=True))
    stored = event_schema.assign_native_columns(names, batch.event_type)
    readings = _map_canonical_columns(places, batch.event_type)
    verbatim = {
        name.lower(): place
        for name, place, column in zip(names, aliases, stored, strict=True)
        if column is None
    }
    readings |= verbatim
    values = (
        readings
        | _build_computed_columns(readings, batch)
        | verbatim
        | _build_constant_columns(batch)
    )
    values["event_uid"] = _build_event_uid(places, batch, segment)
    columns = [
        f"{values.get(name, 'NULL')}::{kind} AS {name}" for name, kind in CANONICAL_COLUMNS.items()
    ]
    columns += [
        f"{place} AS {quote_identifier(column)}"
        for place, column in zip(aliases, stored, strict=True)
        if column is not None
    ]
    prepared = _build_prepared_relation(readings, places, aliases, relation)
    return f"SELECT {', '.join(columns)} FROM {prepared}"


def _name_relation_columns(columns: Sequence[str]) -> list[str]:
    """Names that no column of a stranger has, so that nothing it is called can matter."""
    return [f"c{index}" for index in range(len(columns))]


def _map_canonical_columns(places: RelationColumns, event_type: str) -> dict[str, str]:
    """SQL for the canonical columns that this file's columns can fill; ids as they came."""
    readings = {}
    for column, candidates in resolve_mapping(event_type).items():
        present = [
            (places[c.native_column], c.read_value) for c in candidates if c.native_column in places
        ]
        values = [place if column in RECORD_ID_COLUMNS else read(place) for place, read in present]
        if values:
            readings[column] = values[0] if len(values) == 1 else f"coalesce({', '.join(values)})"
    return readings


def _build_prepared_relation(
    readings: Mapping[str, str], places: RelationColumns, aliases: Sequence[str], relation: str
) -> str:
    """A FROM item with the natives and with what is needed several times, computed once."""
    given = ", ".join(
        f"{readings.get(column, 'NULL')} AS given_{column}"
        for column in (*_REUSED_COLUMNS, *RECORD_ID_COLUMNS)
    )
    header = places.get("EVENT_TYPE")
    condition = f" WHERE {header} IS DISTINCT FROM 'EVENT_TYPE'" if header else ""
    rows = f"SELECT *, {given} FROM {relation} AS native({', '.join(aliases)}){condition}"
    if "source_ip" not in readings:
        return f"(SELECT *, NULL AS given_key FROM ({rows}))"
    rows = f"SELECT *, {build_address_text('given_source_ip')} AS given_address FROM ({rows})"
    rows = f"SELECT *, {build_address_groups('given_address')} AS given_groups FROM ({rows})"
    key = build_address_key("given_source_ip", "given_groups")
    return f"(SELECT *, {key} AS given_key FROM ({rows}))"


def _build_computed_columns(readings: Mapping[str, str], batch: Batch) -> dict[str, str]:
    """The columns that are made of what `_build_prepared_relation` adds."""
    earliest, latest = (
        _render_timestamp(EARLIEST_EVENT_TIME),
        _render_timestamp(batch.received + FUTURE_TOLERANCE),
    )
    computed = {
        "time": (
            f"CASE WHEN given_time BETWEEN {earliest} AND {latest}"
            f" THEN given_time ELSE {_render_timestamp(batch.log_time)} END"
        ),
        "source_ip": "CASE WHEN given_key IS NOT NULL THEN given_source_ip END",
        "source_ip_key": "given_key",
        "query": "given_query",
    }
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


def _build_event_uid(places: RelationColumns, batch: Batch, segment: int) -> str:
    """The record's own id, else a hash of what it says; for lines of a file, where they stand."""
    family = event_schema.find_family(batch.event_type)
    ids = [_read_own_id(places[name]) for name in ("EventIdentifier", "Id") if name in places]
    if "EVENT_TYPE" in places or family is EventFamily.LOG_FILE or not (ids or family):
        prefix = quote_literal(f"{batch.record_prefix}:{segment}:")
        return f"{prefix} || row_number() OVER ()"
    values = ", ".join(f"{quote_literal(name + '=')} || {places[name]}" for name in sorted(places))
    hashed = f"{quote_literal(batch.event_type + ':')} || md5(concat_ws(chr(31), {values}))"
    return f"coalesce({', '.join([*ids, hashed])})"


def _read_own_id(place: str) -> str:
    return f"nullif(nullif(trim({place}), ''), '{PLACEHOLDER_ID}')"


def _render_timestamp(moment: datetime) -> str:
    return f"TIMESTAMPTZ {quote_literal(moment.astimezone(UTC).isoformat(sep=' '))}"
