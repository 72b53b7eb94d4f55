"""One batch, one transaction: normalize, archive, detect, then commit everything together."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from collector import clock
from collector.detect import RuleSet
from collector.model import Alert, Batch, Match, Route
from collector.observe import log
from collector.pipeline import commit, quarantine
from collector.pipeline.detection import Detection
from collector.pipeline.landing import Landed, Landing
from collector.pipeline.quarantine import Held
from collector.store import ledger
from collector.store.database import Database

__all__ = ["Ingested", "Pipeline", "Places"]


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
        self._rules = {rule.name: rule for rule in rules.rules}
        self._routes = routes
        self._channels = channels
        self._detection = Detection(connection, rules, root=places.archive)
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

    def lose(self, batch: Batch, reason: str) -> None:
        """Write down that a batch can not be had any more, and go on after it."""
        entry = ledger.Entry(state=ledger.LOST, reason=reason)
        with self._database.begin() as connection:
            ledger.record(connection, batch, entry, [])
            commit.move(connection, batch)
        log.warning("batch_lost", stream=str(batch.stream), reason=reason, **batch.facts)

    def retry(self, held: Held) -> Ingested:
        """Read segments that were set aside once more; what can be read now joins its batch."""
        batch = held.batch
        with self._turn:
            landed = self._landing.land_again(
                batch,
                held.indexes,
                lambda dates: self._committed(batch, [batch.event_type], dates),
            )
            matches = self._detect(batch, landed)
            told = self._commit(batch, landed, matches)
        for index in set(held.indexes) - landed.quarantined.keys():
            quarantine.release(self._places.quarantine, batch.key, index)
        return _ingested(landed, told)

    def _ingest(self, batch: Batch) -> Ingested:
        if not batch.segments or self._is_known(batch):
            self._move(batch)
            return Ingested()
        landed = self._landing.land(
            batch, lambda dates: self._committed(batch, [batch.event_type], dates)
        )
        if batch.dedupe and not landed.files and not landed.quarantined:
            self._move(batch)
            return Ingested(duplicates=landed.duplicates)
        matches = self._detect(batch, landed)
        told = self._commit(batch, landed, matches)
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

    def _detect(self, batch: Batch, landed: Landed) -> list[Match]:
        found = self._detection.matches(
            batch,
            landed.files,
            committed=lambda types, dates: self._committed(batch, types, dates),
        )
        matches = [match for match in found if self._rules[match.rule].alert]
        for rule, reason in self._detection.failures().items():
            log.error("rule_failed", rule=rule, event_type=batch.event_type, reason=reason)
        return matches

    def _commit(self, batch: Batch, landed: Landed, matches: list[Match]) -> list[Alert]:
        now = clock.now()
        with self._database.begin() as connection:
            before = ledger.recorded(connection, batch.key)
            changes = commit.fold(connection, self._rules, matches, now=now)
            return commit.commit(
                connection,
                batch,
                _entry(landed, before.entry),
                [*before.files, *landed.files],
                changes,
                routes=self._routes,
                channels=self._channels,
                now=now,
            )

    def _move(self, batch: Batch) -> None:
        with self._database.begin() as connection:
            commit.advance(connection, batch)

    def _is_known(self, batch: Batch) -> bool:
        with self._database.read() as connection:
            return batch.key in ledger.known(connection, [batch.key])

    def _committed(
        self, batch: Batch, event_types: Sequence[str], dates: tuple[str, str]
    ) -> list[Path]:
        with self._database.read() as connection:
            files = ledger.archive_files(
                connection, org=batch.stream.org, event_types=list(event_types), dates=dates
            )
        return [self._places.archive / file.path for file in files]


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
