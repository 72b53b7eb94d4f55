"""The settled directory of an org for whoever reads a state once, beside the daemon."""

from __future__ import annotations

import itertools

import duckdb
import sqlalchemy as sa

from collector.directory.fields import ENTRY_KINDS, EntryKind
from collector.directory.user_claims import UserClaims
from collector.escaping import quote_identifier
from collector.evaluation.event_directory import DirectoryState, EventDirectory, VersionTable
from collector.evaluation.version_tables import create_version_table
from collector.store import settled_directory

_table_numbers = itertools.count()


def read_directory(
    state: sa.Connection, engine: duckdb.DuckDBPyConnection, org: str, claims: UserClaims
) -> EventDirectory:
    """The directory by which events have been judged, in tables of an engine.

    `claims` are what the configuration says of users. The tables last as long as the engine.
    """
    revision = settled_directory.read_revision(state, org)
    directory_state = DirectoryState(
        revision=revision,
        tables={
            kind: _create_table(state, engine, org, kind, claims)
            for kind in (ENTRY_KINDS if revision else ())
        },
    )
    return EventDirectory(load_state=lambda: directory_state)


def _create_table(
    state: sa.Connection,
    engine: duckdb.DuckDBPyConnection,
    org: str,
    kind: EntryKind,
    claims: UserClaims,
) -> VersionTable:
    name = quote_identifier(f"stored_{kind}_{next(_table_numbers)}")
    versions = settled_directory.iterate_settled_versions(state, org, kind)
    create_version_table(engine, name, kind, versions, claims=claims)
    return VersionTable(name=name)
