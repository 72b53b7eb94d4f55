"""Finds events again by their uid: in the archive, by making derived ones anew, in an alert."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import duckdb

from collector import normalize
from collector.archive import read
from collector.model import ArchiveFile, Event
from collector.normalize.addresses import address_groups, address_key, address_text
from collector.text import sql_identifier, sql_literal

MADE_OF: Mapping[str, tuple[str, str]] = MappingProxyType(
    {"job": ("BulkJob", "job_id"), "login": ("SignIn", "event_uid")}
)
"""What uids such as `job:acme:750…` begin with: the derived type, and the column of the events that
it is made of which has the rest of the uid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """Events of one org and one type.

    Attributes:
        relation: a SQL FROM item over them.
        files: what the archive holds them in, or the events that they are made of.
        made_of: for derived ones a SQL FROM item over those events.
    """

    org: str
    event_type: str
    relation: str
    files: tuple[ArchiveFile, ...]
    made_of: str | None = None


def find(
    connection: duckdb.DuckDBPyConnection,
    uids: Sequence[str],
    *,
    files: Sequence[ArchiveFile],
    root: Path,
) -> list[Records]:
    """The events with these uids, by org and type; those that no file holds are left out.

    For derived ones the files must reach as far as the type does (`normalize.Derived.reach`).
    """
    return [
        *_stored(connection, uids, files, root),
        *_derived(connection, uids, files, root),
    ]


def events(connection: duckdb.DuckDBPyConnection, relation: str) -> list[Event]:
    """The events of a SQL FROM item in the order of their times, without what is NULL."""
    result = connection.execute(f"SELECT * FROM {relation} ORDER BY time, event_uid, received")
    names = [column[0] for column in result.description]
    return [
        {
            name: value.astimezone(UTC) if isinstance(value, datetime) else value
            for name, value in zip(names, row, strict=True)
            if value is not None
        }
        for row in result.fetchall()
    ]


def kept(event: Event, org: str) -> Records:
    """An event as an alert has kept it: long texts are cut, and some columns are left out."""
    values = {"org": org, "event_type": "", "received": event["time"], **event}
    columns = ", ".join(
        f"CAST({sql_literal(str(value))} AS {normalize.CANONICAL.get(name, 'VARCHAR')})"
        f" AS {sql_identifier(name)}"
        for name, value in values.items()
    )
    relation = f"(SELECT {columns})"
    if "source_ip" in event:
        relation = _with_address_key(relation)
    return Records(
        org=org,
        event_type=str(values["event_type"]),
        relation=relation,
        files=(),
    )


def _with_address_key(relation: str) -> str:
    """The relation with the column that networks are compared with."""
    key = address_key("source_ip", '"#groups"')
    return (
        f'(SELECT * EXCLUDE ("#text", "#groups"), {key} AS source_ip_key FROM'
        f""" (SELECT *, {address_groups('"#text"')} AS "#groups" FROM"""
        f""" (SELECT *, {address_text("source_ip")} AS "#text" FROM {relation})))"""
    )


def derived_type(uid: str) -> str | None:
    """The derived event type that has such uids, if any."""
    kind, *rest = uid.split(":", 2)
    return MADE_OF[kind][0] if kind in MADE_OF and len(rest) == 2 else None


def _stored(
    connection: duckdb.DuckDBPyConnection,
    uids: Sequence[str],
    files: Sequence[ArchiveFile],
    root: Path,
) -> Iterator[Records]:
    held = _holding(connection, "event_uid", uids, files, root)
    for (org, event_type), own in _by_type(held).items():
        rows = read.relation(root / file.path for file in own)
        yield Records(
            org=org,
            event_type=event_type,
            relation=f"(SELECT * FROM {rows} WHERE {_among('event_uid', uids)})",
            files=tuple(own),
        )


def _derived(
    connection: duckdb.DuckDBPyConnection,
    uids: Sequence[str],
    files: Sequence[ArchiveFile],
    root: Path,
) -> Iterator[Records]:
    named: dict[tuple[str, str], list[str]] = {}
    for uid in uids:
        if derived_type(uid):
            kind, org, _ = uid.split(":", 2)
            named.setdefault((kind, org), []).append(uid)
    for (kind, org), own in named.items():
        found = _made(connection, kind, own, [file for file in files if file.org == org], root)
        if found:
            yield found


def _made(
    connection: duckdb.DuckDBPyConnection,
    kind: str,
    uids: Sequence[str],
    files: Sequence[ArchiveFile],
    root: Path,
) -> Records | None:
    event_type, column = MADE_OF[kind]
    derived = normalize.DERIVED[event_type]
    ends = [uid.split(":", 2)[2] for uid in uids]
    sources = [file for file in files if file.event_type in derived.sources]
    around = _around(_holding(connection, column, ends, sources, root), sources, derived)
    if not around:
        return None
    rows = read.relation(root / file.path for file in around)
    stored = read.with_columns(connection, rows, derived.needs)
    touched = derived.touched(f"(SELECT * FROM {stored} WHERE {_among(column, ends)})", stored)
    relation = f"(SELECT * FROM ({derived.select(touched)}) WHERE {_among('event_uid', uids)})"
    if not connection.execute(f"SELECT 1 FROM {relation} LIMIT 1").fetchone():
        return None
    return Records(
        org=around[0].org,
        event_type=event_type,
        relation=relation,
        files=tuple(around),
        made_of=touched,
    )


def _around(
    held: Sequence[ArchiveFile], sources: Sequence[ArchiveFile], derived: normalize.Derived
) -> list[ArchiveFile]:
    """The files that may hold more events of the records that those in `held` belong to."""
    if not held:
        return []
    first = min(file.first for file in held) - derived.reach
    last = max(file.last for file in held) + derived.reach
    return [file for file in sources if file.last >= first and file.first <= last]


def _holding(
    connection: duckdb.DuckDBPyConnection,
    column: str,
    values: Sequence[str],
    files: Sequence[ArchiveFile],
    root: Path,
) -> list[ArchiveFile]:
    """Those of the files in which a canonical column has one of these values."""
    if not files or not values:
        return []
    paths = {str(root / file.path): file for file in files}
    listed = ", ".join(map(sql_literal, paths))
    # Not by name over all columns: that would open every file, and few of them are of interest.
    found = connection.execute(
        f"SELECT DISTINCT filename FROM read_parquet([{listed}], filename = true,"
        f" hive_partitioning = false) WHERE {_among(column, values)}"
    )
    names = {row[0] for row in found.fetchall()}
    return [file for path, file in paths.items() if path in names]


def _by_type(files: Iterable[ArchiveFile]) -> dict[tuple[str, str], list[ArchiveFile]]:
    grouped: dict[tuple[str, str], list[ArchiveFile]] = {}
    for file in files:
        grouped.setdefault((file.org, file.event_type), []).append(file)
    return grouped


def _among(column: str, values: Sequence[str]) -> str:
    return f"{sql_identifier(column)} IN ({', '.join(map(sql_literal, values))})"
