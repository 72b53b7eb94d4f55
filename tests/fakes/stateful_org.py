"""Rules that remember, over batches that a test makes of plain events: real files, real state."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
from hypothesis import strategies as st

from collector.archive import parquet_sql
from collector.archive.local_archive import LocalArchive
from collector.archive.parquet_sql import FileLocation
from collector.detect.selected_events import RuleRelation
from collector.evaluation.evaluator import RuleEvaluator
from collector.evaluation.event_views import EventViews
from collector.evaluation.rule_selection import compute_time_span
from collector.evaluation.temp_tables import TempTables
from collector.model import ArchiveFile, BatchState, Match, Stream
from collector.model.event_columns import CANONICAL_COLUMNS
from collector.store import ledger
from collector.store.database import Database
from fakes.model_samples import NOON, build_batch

_serial = itertools.count()
EXTRA_COLUMNS = {
    "BATCH_ID": "VARCHAR",
    "Id": "VARCHAR",
    "LoginHistoryId": "VARCHAR",
    "AMOUNT": "VARCHAR",
}


class StatefulOrg:
    """An org of its own in a database and an archive that others share.

    `held` are the matches that were told and not withdrawn, by the uid.
    """

    def __init__(self, database: Database, connection: duckdb.DuckDBPyConnection, root: Path):
        self.database = database
        self.connection = connection
        self.archive = LocalArchive(root=root)
        self.name = f"org{next(_serial)}"
        self.active_matches: dict[str, Match] = {}
        self.notified_uids: list[str] = []
        self.failures: dict[str, str] = {}
        self._paths: dict[str, Path] = {}

    def ingest_events(
        self, evaluator: RuleEvaluator, events: Sequence[Mapping[str, Any]], event_type: str
    ) -> None:
        """One batch, judged and committed."""
        key = f"b{next(_serial)}"
        file = self._write_events(key, events, event_type)
        fresh = tuple(self.archive.locate_files([file]))
        views = self.view_events(event_type, fresh)
        judged = evaluator.evaluate_batch(views, [file], lambda *_: {})
        self.failures = dict(evaluator.take_failures())
        made = replace(
            build_batch(key=key, event_type=event_type),
            stream=Stream(org=self.name, source="event_log_file", name="hourly"),
        )
        with self.database.begin() as connection:
            ledger.record_batch(
                connection, made, ledger.LedgerEntry(state=BatchState.STORED), [file]
            )
            for change in judged.state_changes:
                change.save(connection)
        for each in judged.withdrawals:
            for uid in each.event_uids:
                self.active_matches.pop(uid, None)
        self.notified_uids += [match.event_uid for match in judged.matches]
        self.active_matches |= {match.event_uid: match for match in judged.matches}

    def view_events(self, event_type: str = "", fresh: tuple[FileLocation, ...] = ()) -> EventViews:
        def list_types() -> list[str]:
            return sorted({file.event_type for file in self.list_files()} | {event_type} - {""})

        return EventViews(
            connection=self.connection,
            org=self.name,
            list_files=self.list_files,
            locate_files=self.archive.locate_files,
            list_types=list_types,
            event_type=event_type,
            fresh_files=fresh,
            temp_tables=TempTables(self.connection),
        )

    def list_files(self, types=None, span=None) -> list[ArchiveFile]:
        with self.database.read() as connection:
            return ledger.list_archive_files(
                connection, org=self.name, event_types=types, between=span
            )

    def select_parts(self, rule, *event_types: str) -> list[RuleRelation]:
        """The whole archive, for the SQL that remembers nothing."""
        events = self.view_events()
        span = compute_time_span(self.list_files())
        wide = span[0] - timedelta(days=30), span[1] + timedelta(days=30)
        return [
            RuleRelation(rule=rule, relation=relation)
            for event_type in event_types
            if (relation := events.select_events(event_type, wide, sorted(rule.fields)))
        ]

    def read_rows(self, table) -> set[tuple]:
        """What is remembered of this org, without its name."""
        with self.database.read() as connection:
            found = connection.execute(table.select().where(table.c.org == self.name))
            return {tuple(row[1:]) for row in found}

    def _write_events(
        self, key: str, events: Iterable[Mapping[str, Any]], event_type: str
    ) -> ArchiveFile:
        kinds = {**CANONICAL_COLUMNS, **EXTRA_COLUMNS}
        whole = [self._complete_event(event, event_type) for event in events]
        columns = ", ".join(
            f'unnest(${place})::{kind} AS "{name}"'
            for place, (name, kind) in enumerate(kinds.items(), 1)
        )
        values = [[event.get(name) for event in whole] for name in kinds]
        path = self.archive.root / f"{self.name}-{key}.parquet"
        self.connection.execute(f"COPY (SELECT {columns}) TO '{path}' (FORMAT parquet)", values)
        relation = parquet_sql.build_relation([FileLocation(str(path))])
        assert parquet_sql.describe_columns(self.connection, relation)
        times = [event["time"] for event in whole]
        return ArchiveFile(
            path=path.name,
            org=self.name,
            event_type=event_type,
            date=f"{min(times):%Y-%m-%d}",
            rows=len(whole),
            bytes=1,
            first_time=min(times),
            last_time=max(times),
        )

    def _complete_event(self, event: Mapping[str, Any], event_type: str) -> dict[str, Any]:
        return {
            "org": self.name,
            "source": "event_log_file",
            "event_type": event_type,
            "received": NOON + timedelta(days=1000),
            "batch": "b",
            **event,
        }


def draw_batches(data: st.DataObject, events: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """The events in some order, in batches."""
    shuffled = data.draw(st.permutations(events))
    while shuffled:
        size = data.draw(st.integers(1, len(shuffled)))
        yield shuffled[:size]
        shuffled = shuffled[size:]
