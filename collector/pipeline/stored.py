"""What is committed, as the steps of the path ask for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from collector.model import Batch, Severity
from collector.pipeline.events import Events, Span
from collector.pipeline.landing import Held
from collector.pipeline.windows import Known
from collector.store import alerts, ledger
from collector.store.database import Database


@dataclass(frozen=True, slots=True)
class Stored:
    """The ledger's view of the archive below `root`, and what rules have matched in it."""

    database: Database
    engine: duckdb.DuckDBPyConnection
    root: Path

    def orgs(self) -> list[str]:
        """The orgs of which there are events."""
        with self.database.read() as connection:
            return ledger.orgs(connection)

    def held(self, batch: Batch) -> Held:
        """The files of the batch's type between two days."""

        def held(dates: tuple[str, str]) -> list[Path]:
            with self.database.read() as connection:
                files = ledger.archive_files(
                    connection,
                    org=batch.stream.org,
                    event_types=[batch.event_type],
                    dates=dates,
                )
            return [self.root / file.path for file in files]

        return held

    def events(self, org: str) -> Events:
        """The events of an org."""

        def committed(event_types: Sequence[str], span: Span) -> list[Path]:
            with self.database.read() as connection:
                files = ledger.archive_files(
                    connection, org=org, event_types=event_types, between=span
                )
            return [self.root / file.path for file in files]

        def types() -> list[str]:
            with self.database.read() as connection:
                return ledger.event_types(connection, org)

        return Events(connection=self.engine, org=org, committed=committed, types=types)

    def known(self, org: str) -> Known:
        """What rules have matched so far."""

        def known(rule: str, span: Span) -> Mapping[str, tuple[Severity, float]]:
            with self.database.read() as connection:
                return alerts.weights(connection, org=org, rule=rule, between=span)

        return known
