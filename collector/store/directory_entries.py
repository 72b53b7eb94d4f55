"""The versions of orgs' users, apps, reports and objects: written by pages, read as of a time.

A page is written in the transaction that moves the cursor of its reading. What is no news makes no
row, so that a page that is read again changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import fields
from datetime import datetime
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from collector.directory.versions import (
    find_valid_from,
    is_deleted,
    mark_deleted,
    select_version,
    sort_values,
)
from collector.model import DirectoryPage, EntryReading, EntrySweep, EntryValues, EntryVersion
from collector.store.chunks import split_chunks
from collector.store.tables import archive_files, directory_entries
from collector.store.upsert import upsert_rows

_TABLE = directory_entries
_COLUMNS = tuple(_TABLE.c[each.name] for each in fields(EntryVersion))


def save_directory_page(
    connection: sa.Connection, org: str, page: DirectoryPage, *, now: datetime
) -> int:
    """Write what is new in a page; returns how many versions that makes."""
    readings = _list_readings(connection, org, page)
    current = {
        kind: read_current_versions(connection, org, kind, [each.id for each in group])
        for kind, group in groupby(readings, key=lambda each: each.kind)
    }
    versions = [
        version
        for reading in readings
        if (version := _build_version(current[reading.kind].get(reading.id), org, reading, page))
    ]
    rows = [
        {
            "org": org,
            "kind": version.kind,
            "id": version.id,
            "valid_from": version.valid_from,
            "noticed": now,
            "values": dict(version.values),
        }
        for version in versions
    ]
    upsert_rows(connection, _TABLE, rows)
    return len(rows)


def read_current_versions(
    connection: sa.Connection, org: str, kind: str, ids: Collection[str] | None = None
) -> dict[str, EntryVersion]:
    """The newest version of each entry of a kind, by its id; of all, or of these alone."""
    return {
        entry_id: versions[-1]
        for entry_id, versions in _group_versions(_list_rows(connection, org, kind, ids))
    }


def read_versions_at(
    connection: sa.Connection,
    org: str,
    kind: str,
    at: datetime,
    ids: Collection[str] | None = None,
) -> dict[str, EntryVersion]:
    """The version of each entry that held at a time; of one that was not known yet, its first."""
    return {
        entry_id: version
        for entry_id, versions in _group_versions(_list_rows(connection, org, kind, ids))
        if (version := select_version(versions, at)) is not None
    }


def list_versions(
    connection: sa.Connection, kinds: Collection[str], *, org: str | None = None
) -> Iterator[EntryVersion]:
    """All versions of entries of these kinds, those of each entry in order; of one org, or all."""
    columns = _TABLE.c
    query = (
        sa.select(*_COLUMNS)
        .where(columns.kind.in_(kinds))
        .order_by(columns.org, columns.kind, columns.id, columns.valid_from)
    )
    if org is not None:
        query = query.where(columns.org == org)
    yield from _read_rows(connection, query)


def count_entries(connection: sa.Connection, org: str) -> dict[str, int]:
    """How many entries of each kind are known of an org, deleted ones among them."""
    count = sa.func.count(_TABLE.c.id.distinct())
    query = sa.select(_TABLE.c.kind, count.label("entries")).where(_TABLE.c.org == org)
    return {row.kind: row.entries for row in connection.execute(query.group_by(_TABLE.c.kind))}


def list_newest_values(
    connection: sa.Connection, org: str, kind: str, *, limit: int
) -> list[EntryValues]:
    """What is known by the versions that were stored last."""
    query = (
        sa.select(_TABLE.c["values"])
        .where(_TABLE.c.org == org, _TABLE.c.kind == kind)
        .order_by(_TABLE.c.noticed.desc(), _TABLE.c.id)
        .limit(limit)
    )
    return list(connection.scalars(query))


def expire_versions(connection: sa.Connection, *, before: datetime) -> int:
    """Delete the versions that no event since then, nor any that is kept, is judged by.

    Returns how many it were.
    """
    oldest = connection.scalar(sa.select(sa.func.min(archive_files.c.first)))
    before = before if oldest is None else min(before, oldest)
    later = _TABLE.alias("later")
    has_successor = sa.exists().where(
        later.c.org == _TABLE.c.org,
        later.c.kind == _TABLE.c.kind,
        later.c.id == _TABLE.c.id,
        later.c.valid_from > _TABLE.c.valid_from,
        later.c.valid_from <= before,
    )
    return connection.execute(sa.delete(_TABLE).where(has_successor)).rowcount


def _list_readings(connection: sa.Connection, org: str, page: DirectoryPage) -> list[EntryReading]:
    """What a page says, and of whatever its sweep misses that it is deleted; sorted by kind."""
    readings = {(each.kind, each.id): each for each in page.readings}
    for version in _list_swept(connection, org, page.sweep) if page.sweep else ():
        if (version.kind, version.id) not in readings and not is_deleted(version.values):
            readings[version.kind, version.id] = EntryReading(
                kind=version.kind, id=version.id, values=mark_deleted(version.values)
            )
    return sorted(readings.values(), key=lambda each: (each.kind, each.id))


def _list_swept(connection: sa.Connection, org: str, sweep: EntrySweep) -> Iterator[EntryVersion]:
    # Ids are compared by their bytes, as Salesforce compares them, whatever the database's words.
    is_sqlite = connection.dialect.name == "sqlite"
    entry_id = sa.collate(_TABLE.c.id, "BINARY" if is_sqlite else "C")
    query = sa.select(*_COLUMNS).where(_TABLE.c.org == org, _TABLE.c.kind == sweep.kind)
    query = query.where(entry_id > sweep.after) if sweep.after else query
    query = query.where(entry_id <= sweep.until) if sweep.until else query
    rows = _read_rows(connection, query.order_by(_TABLE.c.id, _TABLE.c.valid_from))
    for _, versions in _group_versions(rows):
        if all(versions[-1].values.get(key) == value for key, value in sweep.having.items()):
            yield versions[-1]


def _build_version(
    before: EntryVersion | None, org: str, reading: EntryReading, page: DirectoryPage
) -> EntryVersion | None:
    sorted_reading = EntryReading(
        kind=reading.kind,
        id=reading.id,
        values=sort_values(reading.values),
        changed=reading.changed,
    )
    valid_from = find_valid_from(before, sorted_reading, read=page.read)
    if valid_from is None:
        return None
    return EntryVersion(
        org=org,
        kind=reading.kind,
        id=reading.id,
        valid_from=valid_from,
        noticed=page.read,
        values=sorted_reading.values,
    )


def _list_rows(
    connection: sa.Connection, org: str, kind: str, ids: Collection[str] | None
) -> Iterator[EntryVersion]:
    query = (
        sa.select(*_COLUMNS)
        .where(_TABLE.c.org == org, _TABLE.c.kind == kind)
        .order_by(_TABLE.c.id, _TABLE.c.valid_from)
    )
    if ids is None:
        yield from _read_rows(connection, query)
        return
    for chunk in split_chunks(sorted(ids)):
        yield from _read_rows(connection, query.where(_TABLE.c.id.in_(chunk)))


def _group_versions(
    versions: Iterable[EntryVersion],
) -> Iterator[tuple[str, list[EntryVersion]]]:
    for entry_id, group in groupby(versions, key=lambda version: version.id):
        yield entry_id, list(group)


def _read_rows(
    connection: sa.Connection, query: sa.Select[tuple[Any, ...]]
) -> Iterator[EntryVersion]:
    for row in connection.execute(query).mappings():
        yield EntryVersion(**row)
