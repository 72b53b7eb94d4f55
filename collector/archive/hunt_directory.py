"""The views of a hunt over the directory: `users`, `user_versions` and those of the other kinds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import duckdb

from collector.clock import to_micros
from collector.directory.fields import ENTRY_KINDS, EntryKind
from collector.directory.user_claims import NO_CLAIMS, UserClaims
from collector.directory.versions_sql import build_current_select, build_versions_select
from collector.escaping import quote_identifier
from collector.model import EntryVersion

CURRENT_VIEWS: Mapping[str, EntryKind] = MappingProxyType(
    {f"{kind}s": kind for kind in ENTRY_KINDS}
)
"""The kinds by the views of what holds now; what is deleted is not in them."""

VERSION_VIEWS: Mapping[str, EntryKind] = MappingProxyType(
    {f"{kind}_versions": kind for kind in ENTRY_KINDS}
)
"""The kinds by the views of all that has held, each with `valid_from` and `valid_until`."""

_ENTRIES = "directory_entries"


@dataclass(frozen=True, slots=True, kw_only=True)
class HuntDirectory:
    """What a hunt may read of the directory: versions of the kinds that it names."""

    versions: Sequence[EntryVersion] = ()
    claims: UserClaims = NO_CLAIMS

    def create_views(self, connection: duckdb.DuckDBPyConnection, sql: str) -> None:
        """Make the views that a query may name. Raises duckdb.Error."""
        words = _list_words(sql)
        if not list_named_kinds(sql):
            return
        _create_entries(connection, self.versions)
        for name, kind in CURRENT_VIEWS.items():
            if name in words:
                select = build_current_select(kind, _ENTRIES, claims=self.claims)
                _create_view(connection, name, select, "valid_until, holds_from, noticed")
        for name, kind in VERSION_VIEWS.items():
            if name in words:
                select = build_versions_select(kind, _ENTRIES, claims=self.claims)
                _create_view(connection, name, select, "holds_from")


NO_DIRECTORY = HuntDirectory()


def list_named_kinds(sql: str) -> frozenset[EntryKind]:
    """The kinds of entries of which a query may name a view."""
    words = _list_words(sql)
    views = {**CURRENT_VIEWS, **VERSION_VIEWS}
    return frozenset(kind for name, kind in views.items() if name in words)


def _list_words(sql: str) -> set[str]:
    return {word.lower() for word in re.findall(r"\w+", sql)}


def _create_entries(
    connection: duckdb.DuckDBPyConnection, versions: Iterable[EntryVersion]
) -> None:
    rows = [
        (
            version.org,
            version.kind,
            version.id,
            to_micros(version.valid_from),
            to_micros(version.noticed),
            json.dumps(version.values),
        )
        for version in versions
    ]
    columns = [list(values) for values in zip(*rows, strict=True)] or [[]] * 6
    connection.execute(
        f"CREATE TEMP TABLE {_ENTRIES} AS SELECT org, kind, id,"
        " make_timestamp(valid_from) AT TIME ZONE 'UTC' AS valid_from,"
        " make_timestamp(noticed) AT TIME ZONE 'UTC' AS noticed, \"values\" FROM (SELECT"
        " unnest($1::VARCHAR[]) AS org, unnest($2::VARCHAR[]) AS kind, unnest($3::VARCHAR[]) AS id,"
        " unnest($4::BIGINT[]) AS valid_from, unnest($5::BIGINT[]) AS noticed,"
        ' unnest($6::VARCHAR[]) AS "values")',
        columns,
    )


def _create_view(
    connection: duckdb.DuckDBPyConnection, name: str, select: str, hidden: str
) -> None:
    connection.execute(
        f"CREATE TEMP VIEW {quote_identifier(name)} AS SELECT * EXCLUDE ({hidden}) FROM ({select})"
    )
