"""Finds events by their uid: in the archive, by deriving them again, or in an alert."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

import duckdb
import sqlalchemy as sa

from collector import normalize
from collector.api.readable_files import select_present_files
from collector.archive import parquet_sql
from collector.archive.store import ArchiveStore
from collector.detect.event_rows import build_event, list_column_names
from collector.escaping import quote_identifier, quote_literal
from collector.model import ArchiveFile, Event
from collector.model.event_columns import ADDRESS_KEYS, CANONICAL_COLUMNS
from collector.normalize.derived_types import MAX_EVENT_DISTANCE
from collector.normalize.ip_address_sql import select_addresses
from collector.store import ledger

DERIVED_UID_KINDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        derived.uid_prefix: (name, derived.key_column)
        for name, derived in normalize.DERIVED_EVENT_TYPES.items()
    }
)
"""What uids such as `job:acme:750…` begin with: the derived type, and the column of the events that
it is made of which has the rest of the uid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSet:
    """Events of one org and one type.

    Attributes:
        relation: a SQL FROM item over them.
        files: what the archive holds them in, or the events that they are made of.
        constituent_relation: for derived ones a SQL FROM item over those events.
    """

    org: str
    event_type: str
    relation: str
    files: tuple[ArchiveFile, ...]
    constituent_relation: str | None = None


def find_events(
    connection: duckdb.DuckDBPyConnection,
    uids: Sequence[str],
    *,
    files: Sequence[ArchiveFile],
    archive: ArchiveStore,
) -> list[EventSet]:
    """The events with these uids, by org and type; those that no file holds are left out.

    For derived ones the files must reach as far as its `max_event_distance`. Those that are not
    there any more are passed over.
    """
    present = select_present_files(archive, files)
    return [
        *_find_stored_events(connection, uids, present, archive),
        *_find_derived_events(connection, uids, present, archive),
    ]


def list_searched_files(
    state: sa.Connection, likely_spans: Mapping[str, tuple[datetime, datetime]]
) -> Iterator[list[ArchiveFile]]:
    """Where an event is to be looked for, one after the other: around where it is likely, then all.

    `likely_spans` are spans of its time by org. Where several orgs may have it, all files come at
    once: each of them is to be found.
    """
    if len(likely_spans) == 1:
        ((org, (first, last)),) = likely_spans.items()
        between = (first - MAX_EVENT_DISTANCE, last + MAX_EVENT_DISTANCE)
        yield ledger.list_archive_files(state, org=org, between=between)
    yield ledger.list_archive_files(state)


def read_events(connection: duckdb.DuckDBPyConnection, relation: str) -> list[Event]:
    """The events of a SQL FROM item in the order of their times, without what is NULL."""
    result = connection.execute(f"SELECT * FROM {relation} ORDER BY time, event_uid, received")
    names = list_column_names(result)
    return [build_event(names, row) for row in result.fetchall()]


def restore_alert_event(event: Event, org: str) -> EventSet:
    """An event as an alert has kept it: long texts are cut, and some columns are left out."""
    values = {"org": org, "event_type": "", "received": event["time"], **event}
    columns = ", ".join(
        f"CAST({quote_literal(str(value))} AS {CANONICAL_COLUMNS.get(name, 'VARCHAR')})"
        f" AS {quote_identifier(name)}"
        for name, value in values.items()
    )
    relation = f"(SELECT {columns})"
    for address_column in ADDRESS_KEYS.keys() & event.keys():
        relation = _add_address_key(relation, address_column)
    return EventSet(org=org, event_type=str(values["event_type"]), relation=relation, files=())


def _add_address_key(relation: str, column: str) -> str:
    """The relation with the column that networks are compared with, for a column of addresses."""
    return (
        f"(SELECT * EXCLUDE (read_address, read_address_key), read_address_key AS"
        f" {ADDRESS_KEYS[column]} FROM ({select_addresses(relation, column)}))"
    )


def find_derived_type(uid: str) -> str | None:
    """The derived event type that has such uids, if any."""
    kind, *rest = uid.split(":", 2)
    return DERIVED_UID_KINDS[kind][0] if kind in DERIVED_UID_KINDS and len(rest) == 2 else None


def _find_stored_events(
    connection: duckdb.DuckDBPyConnection,
    uids: Sequence[str],
    files: Sequence[ArchiveFile],
    archive: ArchiveStore,
) -> Iterator[EventSet]:
    holding_files = _list_files_holding(connection, "event_uid", uids, files, archive)
    for (org, event_type), type_files in _group_by_type(holding_files).items():
        rows = parquet_sql.build_relation(archive.locate_files(type_files))
        yield EventSet(
            org=org,
            event_type=event_type,
            relation=f"(SELECT * FROM {rows} WHERE {_render_in_list('event_uid', uids)})",
            files=tuple(type_files),
        )


def _find_derived_events(
    connection: duckdb.DuckDBPyConnection,
    uids: Sequence[str],
    files: Sequence[ArchiveFile],
    archive: ArchiveStore,
) -> Iterator[EventSet]:
    uids_by_kind: dict[tuple[str, str], list[str]] = {}
    for uid in uids:
        if find_derived_type(uid):
            kind, org, _ = uid.split(":", 2)
            uids_by_kind.setdefault((kind, org), []).append(uid)
    for (kind, org), kind_uids in uids_by_kind.items():
        event_set = _derive_event_set(
            connection, kind, kind_uids, [file for file in files if file.org == org], archive
        )
        if event_set:
            yield event_set


def _derive_event_set(
    connection: duckdb.DuckDBPyConnection,
    kind: str,
    uids: Sequence[str],
    files: Sequence[ArchiveFile],
    archive: ArchiveStore,
) -> EventSet | None:
    event_type, column = DERIVED_UID_KINDS[kind]
    derived = normalize.DERIVED_EVENT_TYPES[event_type]
    column_values = [uid.split(":", 2)[2] for uid in uids]
    sources = [file for file in files if file.event_type in derived.source_types]
    surrounding_files = _list_surrounding_files(
        _list_files_holding(connection, column, column_values, sources, archive), sources, derived
    )
    if not surrounding_files:
        return None
    file_relation = parquet_sql.build_relation(archive.locate_files(surrounding_files))
    source_relation = parquet_sql.ensure_columns(
        connection, file_relation, derived.required_columns
    )
    constituents = derived.build_affected(
        f"(SELECT * FROM {source_relation} WHERE {_render_in_list(column, column_values)})",
        source_relation,
    )
    relation = (
        f"(SELECT * FROM ({derived.build_select(constituents)})"
        f" WHERE {_render_in_list('event_uid', uids)})"
    )
    if not connection.execute(f"SELECT 1 FROM {relation} LIMIT 1").fetchone():
        return None
    return EventSet(
        org=surrounding_files[0].org,
        event_type=event_type,
        relation=relation,
        files=tuple(surrounding_files),
        constituent_relation=constituents,
    )


def _list_surrounding_files(
    files: Sequence[ArchiveFile],
    candidates: Sequence[ArchiveFile],
    derived: normalize.DerivedTypeSql,
) -> list[ArchiveFile]:
    """The files that may hold more events of the records that those in `files` belong to."""
    if not files:
        return []
    first = min(file.first_time for file in files) - derived.max_event_distance
    last = max(file.last_time for file in files) + derived.max_event_distance
    return [file for file in candidates if file.last_time >= first and file.first_time <= last]


def _list_files_holding(
    connection: duckdb.DuckDBPyConnection,
    column: str,
    values: Sequence[str],
    files: Sequence[ArchiveFile],
    archive: ArchiveStore,
) -> list[ArchiveFile]:
    """Those of the files in which a canonical column has one of these values."""
    if not files or not values:
        return []
    files_by_location = dict(zip(archive.locate_files(files), files, strict=True))
    paths = ", ".join(map(quote_literal, files_by_location))
    # Not by name over all columns: that would open every file, and few of them are of interest.
    result = connection.execute(
        f"SELECT DISTINCT filename FROM read_parquet([{paths}], filename = true,"
        f" hive_partitioning = false) WHERE {_render_in_list(column, values)}"
    )
    locations = {row[0] for row in result.fetchall()}
    return [file for location, file in files_by_location.items() if location in locations]


def _group_by_type(files: Iterable[ArchiveFile]) -> dict[tuple[str, str], list[ArchiveFile]]:
    grouped: dict[tuple[str, str], list[ArchiveFile]] = {}
    for file in files:
        grouped.setdefault((file.org, file.event_type), []).append(file)
    return grouped


def _render_in_list(column: str, values: Sequence[str]) -> str:
    return f"{quote_identifier(column)} IN ({', '.join(map(quote_literal, values))})"
