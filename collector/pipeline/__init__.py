"""One batch, one transaction: normalize, archive, detect, then commit everything together."""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import duckdb
import sqlalchemy as sa

from collector import alerting, clock
from collector.detect import RuleSet
from collector.model import Alert, Batch, Route
from collector.observe import log
from collector.pipeline import commit, quarantine
from collector.pipeline.detection import Detection
from collector.pipeline.judged import Judged
from collector.pipeline.landing import Landed, Landing
from collector.pipeline.scratch import tables
from collector.pipeline.stored import Stored
from collector.store import ledger
from collector.store import rules as rule_store
from collector.store.database import Database

__all__ = ["Ingested", "Pipeline", "Places", "Reviewed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where things lie below a state directory."""

    state_dir: Path

    @property
    def archive(self) -> Path:
        """The committed events, as Parquet."""
        return self.state_dir / "archive"

    @property
    def spool(self) -> Path:
        """What is being fetched; empty between two batches."""
        return self.state_dir / "spool"

    @property
    def quarantine(self) -> Path:
        """Segments that could not be read, by batch key."""
        return self.state_dir / "quarantine"

    @property
    def strays(self) -> Path:
        """Event files that no ledger names, by when they were found; absent as long as none was."""
        return self.state_dir / "strays"

    def make(self) -> None:
        """Create what is missing, for the owner alone."""
        for path in (self.state_dir, self.archive, self.spool, self.quarantine):
            path.mkdir(parents=True, exist_ok=True, mode=0o700)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingested:
    """What became of a batch; `told` are the alerts that have something new to say."""

    rows: int = 0
    duplicates: int = 0
    quarantined: tuple[str, ...] = ()
    told: tuple[Alert, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """What came of matching the archive again; `failed` are the rules that could not be run."""

    told: tuple[Alert, ...] = ()
    failed: frozenset[str] = frozenset()


class Pipeline:
    """The one path that every batch takes. Safe to share between threads; one batch at a time."""

    def __init__(
        self,
        *,
        database: Database,
        connection: duckdb.DuckDBPyConnection,
        places: Places,
        rules: RuleSet,
        routes: Sequence[Route] = (),
        channels: Sequence[str] = (),
    ) -> None:
        self._database = database
        self._places = places
        self._rules = rules
        self._routes = routes
        self._channels = channels
        self._detection = Detection(rules, database)
        self._stored = Stored(database, connection, places.archive)
        self._landing = Landing(connection, root=places.archive, quarantine=places.quarantine)
        # The engine's memory is bounded for one batch at work.
        self._turn = threading.Lock()

    def ingest(self, batch: Batch) -> Ingested:
        """Take a batch in. One that the ledger holds already changes nothing."""
        with self._turn:
            try:
                return self._ingest(batch)
            finally:
                for segment in batch.segments:
                    segment.unlink(missing_ok=True)

    def use(self, rules: RuleSet) -> None:
        """Judge with these rules from the next batch on."""
        with self._turn:
            self._rules = rules
            self._detection = Detection(rules, self._database)

    def review(self, names: Sequence[str]) -> Reviewed:
        """Match all that is committed with some of the rules again; what is known stays as it is.

        Those that fail are counted, and the others go on.
        """
        told: list[Alert] = []
        failed: set[str] = set()
        for org in self._stored.orgs():
            for name in names:
                with self._turn:  # batches may come in between two rules
                    events, known = self._stored.events(org), self._stored.known(org)
                    for judged in self._detection.review(name, events, known):
                        told += self._add(judged)
                    failed.update(self._report(org))
        return Reviewed(told=tuple(told), failed=frozenset(failed))

    def lose(self, batch: Batch, reason: str) -> None:
        """Write down that a batch can not be had any more, and go on after it."""
        entry = ledger.Entry(state=ledger.LOST, reason=reason)
        with self._database.begin() as connection:
            ledger.record(connection, batch, entry, [])
            commit.move(connection, batch)
        log.warning("batch_lost", stream=str(batch.stream), reason=reason, **batch.facts)

    def retry(self, held: quarantine.Held) -> Ingested:
        """Read segments that were set aside once more; what can be read now joins its batch."""
        batch = held.batch
        with self._turn:
            landed = self._landing.land_again(batch, held.indexes, self._stored.held(batch))
            told = self._commit(batch, landed, self._judge(batch, landed))
        for index in set(held.indexes) - landed.quarantined.keys():
            quarantine.release(self._places.quarantine, batch.key, index)
        return _ingested(landed, told)

    def _ingest(self, batch: Batch) -> Ingested:
        if not batch.segments or self._is_known(batch):
            self._move(batch)
            return Ingested()
        landed = self._landing.land(batch, self._stored.held(batch))
        if batch.dedupe and not landed.files and not landed.quarantined:
            self._move(batch)
            return Ingested(duplicates=landed.duplicates)
        told = self._commit(batch, landed, self._judge(batch, landed))
        log.info(
            "batch_stored",
            stream=str(batch.stream),
            event_type=batch.event_type,
            rows=landed.rows,
            duplicates=landed.duplicates,
            quarantined=len(landed.quarantined),
            alerts=len(told),
        )
        return _ingested(landed, told)

    def _judge(self, batch: Batch, landed: Landed) -> Judged:
        org = batch.stream.org
        with tables(self._stored.engine) as made:
            events = replace(
                self._stored.events(org),
                event_type=batch.event_type,
                fresh=tuple(self._places.archive / file.path for file in landed.files),
                made=made,
            )
            judged = self._detection.judge(events, landed.files, self._stored.known(org))
        self._report(org)
        return judged

    def _report(self, org: str) -> Collection[str]:
        """Count the rules that have failed, and name them; the others went on."""
        failed = self._detection.failures()
        for rule, reason in failed.items():
            log.error("rule_failed", rule=rule, org=org, reason=reason)
        if failed:
            with self._database.begin() as connection:
                rule_store.count_faults(connection, org, failed, now=clock.now())
        return failed.keys()

    def _commit(self, batch: Batch, landed: Landed, judged: Judged) -> list[Alert]:
        now = clock.now()
        with self._database.begin() as connection:
            before = ledger.recorded(connection, batch.key)
            return commit.commit(
                connection,
                batch,
                _entry(landed, before.entry),
                [*before.files, *landed.files],
                self._changes(connection, judged, now),
                routes=self._routes,
                channels=self._channels,
                now=now,
            )

    def _add(self, judged: Judged) -> list[Alert]:
        now = clock.now()
        with self._database.begin() as connection:
            return commit.tell(
                connection,
                self._changes(connection, judged, now),
                routes=self._routes,
                channels=self._channels,
                now=now,
            )

    def _changes(
        self, connection: sa.Connection, judged: Judged, now: datetime
    ) -> Sequence[alerting.Folded]:
        """What becomes of alerts; what rules remember of it is written."""
        for save in judged.save:
            save(connection)
        return commit.fold(
            connection,
            self._rules.by_name,
            judged.matches,
            withdrawn=judged.withdrawn,
            now=now,
        )

    def _move(self, batch: Batch) -> None:
        with self._database.begin() as connection:
            commit.advance(connection, batch)

    def _is_known(self, batch: Batch) -> bool:
        with self._database.read() as connection:
            return batch.key in ledger.known(connection, [batch.key])


def _entry(landed: Landed, before: ledger.Entry) -> ledger.Entry:
    """How a batch stands now: what was read of it before, and what was read this time."""
    return ledger.Entry(
        state=ledger.QUARANTINED if landed.reasons else ledger.STORED,
        reason="; ".join(landed.reasons),
        rows=before.rows + landed.rows,
        duplicates=before.duplicates + landed.duplicates,
        quarantined=len(landed.quarantined),
    )


def _ingested(landed: Landed, told: Sequence[Alert]) -> Ingested:
    return Ingested(
        rows=landed.rows,
        duplicates=landed.duplicates,
        quarantined=landed.reasons,
        told=tuple(told),
    )
