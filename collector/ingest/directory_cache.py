"""The settled directory of each org as tables of the engine, kept until more of it is settled."""

from __future__ import annotations

import itertools
import threading
import weakref
from collections import deque
from collections.abc import Iterable, Mapping

import duckdb

from collector.directory.fields import ENTRY_KINDS, EntryKind
from collector.directory.user_claims import NO_CLAIMS, UserClaims
from collector.escaping import quote_identifier
from collector.evaluation.event_directory import DirectoryState, EventDirectory, VersionTable
from collector.evaluation.version_tables import create_version_table
from collector.ingest.engine_cursors import EngineCursors
from collector.store import settled_directory
from collector.store.database import Database
from collector.store.settled_directory import DirectoryVersion

_table_numbers = itertools.count()


class DirectoryCache:
    """Hands out the directories of orgs. Safe to share between threads.

    A table is dropped once nobody reads it any more.
    """

    def __init__(
        self, database: Database, cursors: EngineCursors, claims: UserClaims = NO_CLAIMS
    ) -> None:
        self._database = database
        self._claims = claims
        self._cursors = cursors
        self._lock = threading.Lock()
        self._states: dict[str, DirectoryState] = {}
        self._unused_tables: deque[str] = deque()

    def open_directory(self, org: str) -> EventDirectory:
        """The directory as it is when it is read first."""
        return EventDirectory(load_state=lambda: self.read_state(org))

    def is_current(self, org: str, directory: EventDirectory) -> bool:
        """Whether nothing was settled since the directory was read; so if nothing was read."""
        if directory.revision is None:
            return True
        with self._database.read() as connection:
            return settled_directory.read_revision(connection, org) == directory.revision

    def read_state(self, org: str) -> DirectoryState:
        """The settled versions of an org, as they are now."""
        with self._lock, self._database.read() as connection:
            revision = settled_directory.read_revision(connection, org)
            known = self._states.get(org)
            if known is None or known.revision != revision:
                known = DirectoryState(
                    revision=revision,
                    tables={
                        kind: table
                        for kind in (ENTRY_KINDS if revision else ())
                        for versions in [
                            settled_directory.iterate_settled_versions(connection, org, kind)
                        ]
                        for table in self._create_table(kind, versions)
                    },
                )
                self._states[org] = known
            return known

    def extend_state(
        self,
        state: DirectoryState,
        versions_by_kind: Mapping[EntryKind, Iterable[DirectoryVersion]],
    ) -> DirectoryState:
        """The state that follows another one, with all versions of these entries."""
        with self._lock:
            tables = {
                kind: table
                for kind, versions in versions_by_kind.items()
                for table in self._create_table(kind, versions, state.tables.get(kind))
            }
        return DirectoryState(revision=state.revision + 1, tables={**state.tables, **tables})

    def keep_state(self, org: str, state: DirectoryState) -> None:
        """Hand this out from now on: its revision was committed."""
        with self._lock:
            self._states[org] = state

    def _create_table(
        self,
        kind: EntryKind,
        versions: Iterable[DirectoryVersion],
        former: VersionTable | None = None,
    ) -> Iterable[VersionTable]:
        """A table with the versions; none where there are none."""
        rest = iter(versions)
        first = next(rest, None)
        if first is None:
            return
        name = quote_identifier(f"directory_{kind}_{next(_table_numbers)}")
        with self._cursors.open_cursor() as cursor:
            self._drop_unused(cursor)
            create_version_table(
                cursor,
                name,
                kind,
                itertools.chain([first], rest),
                claims=self._claims,
                former=former.name if former else "",
            )
        table = VersionTable(name=name)
        weakref.finalize(table, self._unused_tables.append, name)
        yield table

    def _drop_unused(self, cursor: duckdb.DuckDBPyConnection) -> None:
        while self._unused_tables:
            cursor.execute(f"DROP TABLE IF EXISTS {self._unused_tables.popleft()}")
