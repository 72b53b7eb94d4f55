"""The versions of the directory by which events are judged, and those that are to be settled.

A version is stored by whoever reads the org, and is not seen by rules until the events of its time
have been judged again: it is settled in the transaction that writes what came of that. So what is
stored of alerts always fits the settled versions, whatever dies in between.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from collector.store import tables
from collector.store.chunks import split_chunks
from collector.store.upsert import upsert_row

_READ_SIZE = 2_000

EntryKey = tuple[str, str]
"""Kind and id of an entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryVersion:
    """What holds of an entry from a time on.

    Attributes:
        kind, id: whose it is.
        valid_from: when it begins to hold; the first version of an entry holds before, too.
        values: by the keys of `directory.fields`.
        settled: whether events are judged by it.
    """

    kind: str
    id: str
    valid_from: datetime
    noticed: datetime
    values: Mapping[str, Any]
    settled: bool


def read_revision(connection: sa.Connection, org: str) -> int:
    """How often versions of the org's directory were settled; 0 where none was."""
    table = tables.directory_revisions
    query = sa.select(table.c.revision).where(table.c.org == org)
    return int(connection.execute(query).scalar() or 0)


def list_unsettled_orgs(connection: sa.Connection) -> list[str]:
    """The orgs with versions that are to be settled."""
    table = tables.directory_entries
    query = sa.select(table.c.org).where(~table.c.settled).distinct().order_by(table.c.org)
    return list(connection.execute(query).scalars())


def list_unsettled_keys(connection: sa.Connection, org: str, *, limit: int) -> list[EntryKey]:
    """At most so many entries with versions that are to be settled, those noticed first first."""
    table = tables.directory_entries
    query = (
        sa.select(table.c.kind, table.c.id)
        .where(table.c.org == org, ~table.c.settled)
        .group_by(table.c.kind, table.c.id)
        .order_by(sa.func.min(table.c.noticed), table.c.kind, table.c.id)
        .limit(limit)
    )
    return [(row.kind, row.id) for row in connection.execute(query)]


def iterate_settled_versions(
    connection: sa.Connection, org: str, kind: str
) -> Iterator[DirectoryVersion]:
    """The settled versions of a kind, by id, each in the order of time."""
    table = tables.directory_entries
    query = (
        _select_versions()
        .where(table.c.org == org, table.c.kind == kind, table.c.settled)
        .order_by(table.c.id, table.c.valid_from)
    )
    rows = connection.execution_options(yield_per=_READ_SIZE).execute(query)
    return map(_build_version, rows)


def read_versions(
    connection: sa.Connection, org: str, keys: Iterable[EntryKey]
) -> dict[EntryKey, list[DirectoryVersion]]:
    """All versions of these entries in the order of time, settled or not."""
    ids_by_kind: dict[str, list[str]] = {}
    for kind, entry_id in keys:
        ids_by_kind.setdefault(kind, []).append(entry_id)
    table = tables.directory_entries
    found: dict[EntryKey, list[DirectoryVersion]] = {}
    for kind, ids in ids_by_kind.items():
        for chunk in split_chunks(ids):
            query = (
                _select_versions()
                .where(table.c.org == org, table.c.kind == kind, table.c.id.in_(chunk))
                .order_by(table.c.valid_from)
            )
            for row in connection.execute(query):
                found.setdefault((kind, row.id), []).append(_build_version(row))
    return found


def settle_versions(
    connection: sa.Connection, org: str, versions: Collection[DirectoryVersion]
) -> int:
    """Record that events are judged by these versions. Returns the revision that begins so."""
    table = tables.directory_entries
    statement = sa.update(table).where(
        table.c.org == org,
        table.c.kind == sa.bindparam("of_kind"),
        table.c.id == sa.bindparam("of_id"),
        table.c.valid_from == sa.bindparam("from_time"),
    )
    keys = [
        {"of_kind": version.kind, "of_id": version.id, "from_time": version.valid_from}
        for version in versions
    ]
    if keys:
        connection.execute(statement.values(settled=True), keys)
    revision = read_revision(connection, org) + 1
    upsert_row(connection, tables.directory_revisions, {"org": org, "revision": revision})
    return revision


def _select_versions() -> sa.Select[Any]:
    table = tables.directory_entries
    # `values` is a method of a row.
    others = [column for column in table.c if column.name != "values"]
    return sa.select(*others, table.c["values"].label("known"))


def _build_version(row: Any) -> DirectoryVersion:
    return DirectoryVersion(
        kind=row.kind,
        id=row.id,
        valid_from=row.valid_from,
        noticed=row.noticed,
        values=row.known,
        settled=row.settled,
    )
