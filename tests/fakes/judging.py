"""Rules that remember, over batches that a test makes of plain events: real files, real state."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb

from collector import normalize
from collector.archive import read
from collector.detect.past.selected import Part
from collector.model import ArchiveFile, Match, Stream
from collector.pipeline.events import Events
from collector.pipeline.past.selections import span_of
from collector.store import ledger
from collector.store.database import Database
from fakes.nouns import NOON, batch

_serial = itertools.count()
EXTRA = {"BATCH_ID": "VARCHAR", "Id": "VARCHAR", "LoginHistoryId": "VARCHAR", "AMOUNT": "VARCHAR"}


class Org:
    """An org of its own in a database and an archive that others share.

    `held` are the matches that were told and not withdrawn, by the uid.
    """

    def __init__(self, database: Database, connection: duckdb.DuckDBPyConnection, root: Path):
        self.database = database
        self.connection = connection
        self.root = root
        self.name = f"org{next(_serial)}"
        self.held: dict[str, Match] = {}
        self.told: list[str] = []
        self.failures: dict[str, str] = {}
        self._paths: dict[str, Path] = {}

    def bring(self, judge: Any, events: Sequence[Mapping[str, Any]], event_type: str) -> None:
        """One batch, judged and committed."""
        key = f"b{next(_serial)}"
        file = self._write(key, events, event_type)
        judged = judge.judge(self.events(event_type, (self.root / file.path,)), [file])
        self.failures = dict(judge.failures)
        made = replace(
            batch(key=key, event_type=event_type),
            stream=Stream(org=self.name, source="event_log_file", name="hourly"),
        )
        with self.database.begin() as connection:
            ledger.record(connection, made, ledger.Entry(state=ledger.STORED), [file])
            for save in judged.save:
                save(connection)
        for each in judged.withdrawn:
            for uid in each.event_uids:
                self.held.pop(uid, None)
        self.told += [match.event_uid for match in judged.matches]
        self.held |= {match.event_uid: match for match in judged.matches}

    def events(self, event_type: str = "", fresh: tuple[Path, ...] = ()) -> Events:
        def stored() -> list[str]:
            return sorted({file.event_type for file in self.files()} | {event_type} - {""})

        return Events(
            connection=self.connection,
            org=self.name,
            committed=lambda types, span: [
                self.root / file.path for file in self.files(types, span)
            ],
            types=stored,
            event_type=event_type,
            fresh=fresh,
        )

    def files(self, types=None, span=None) -> list[ArchiveFile]:
        with self.database.read() as connection:
            return ledger.archive_files(connection, org=self.name, event_types=types, between=span)

    def parts(self, rule, *event_types: str) -> list[Part]:
        """The whole archive, for the SQL that remembers nothing."""
        events = self.events()
        span = span_of(self.files())
        wide = span[0] - timedelta(days=30), span[1] + timedelta(days=30)
        return [
            Part(rule=rule, relation=relation)
            for event_type in event_types
            if (relation := events.of(event_type, wide, sorted(rule.fields)))
        ]

    def rows(self, table) -> set[tuple]:
        """What is remembered of this org, without its name."""
        with self.database.read() as connection:
            found = connection.execute(table.select().where(table.c.org == self.name))
            return {tuple(row[1:]) for row in found}

    def _write(self, key: str, events: Iterable[Mapping[str, Any]], event_type: str) -> ArchiveFile:
        kinds = {**normalize.CANONICAL, **EXTRA}
        whole = [self._complete(event, event_type) for event in events]
        columns = ", ".join(
            f'unnest(${place})::{kind} AS "{name}"'
            for place, (name, kind) in enumerate(kinds.items(), 1)
        )
        values = [[event.get(name) for event in whole] for name in kinds]
        path = self.root / f"{self.name}-{key}.parquet"
        self.connection.execute(f"COPY (SELECT {columns}) TO '{path}' (FORMAT parquet)", values)
        assert read.columns(self.connection, read.relation([path]))
        times = [event["time"] for event in whole]
        return ArchiveFile(
            path=path.name,
            org=self.name,
            event_type=event_type,
            date=f"{min(times):%Y-%m-%d}",
            rows=len(whole),
            bytes=1,
            first=min(times),
            last=max(times),
        )

    def _complete(self, event: Mapping[str, Any], event_type: str) -> dict[str, Any]:
        return {
            "org": self.name,
            "source": "event_log_file",
            "event_type": event_type,
            "received": NOON + timedelta(days=1000),
            "batch": "b",
            **event,
        }
