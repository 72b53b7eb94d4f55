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
from collector.evaluation.evaluator import RuleEvaluator
from collector.evaluation.result import EvaluationResult
from collector.evaluation.temp_tables import open_temp_tables
from collector.ingest import commit, quarantine
from collector.ingest.batch_writer import BatchWriter, WrittenBatch
from collector.ingest.committed_archive import CommittedArchive
from collector.logs import log
from collector.model import Alert, Batch, BatchState, Route, render_facts
from collector.store import ledger
from collector.store import rule_status as rule_store
from collector.store.database import Database

__all__ = ["IngestResult", "Pipeline", "RematchResult", "StatePaths"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatePaths:
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

    def create_folders(self) -> None:
        """Create what is missing, for the owner alone."""
        for path in (self.state_dir, self.archive, self.spool, self.quarantine):
            path.mkdir(parents=True, exist_ok=True, mode=0o700)


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestResult:
    """What became of a batch; `told` are the alerts that have something new to say."""

    rows: int = 0
    duplicates: int = 0
    quarantine_reasons: tuple[str, ...] = ()
    notified_alerts: tuple[Alert, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RematchResult:
    """What came of matching the archive again; `failed` are the rules that could not be run."""

    notified_alerts: tuple[Alert, ...] = ()
    failed_rules: frozenset[str] = frozenset()


class Pipeline:
    """The one path that every batch takes. Safe to share between threads; one batch at a time."""

    def __init__(
        self,
        *,
        database: Database,
        connection: duckdb.DuckDBPyConnection,
        paths: StatePaths,
        rules: RuleSet,
        routes: Sequence[Route] = (),
        channels: Sequence[str] = (),
    ) -> None:
        self._database = database
        self._paths = paths
        self._rules = rules
        self._routes = routes
        self._channels = channels
        self._evaluator = RuleEvaluator(rules, database)
        self._committed = CommittedArchive(database, connection, paths.archive)
        self._writer = BatchWriter(connection, root=paths.archive, quarantine_root=paths.quarantine)
        # The engine's memory is bounded for one batch at work.
        self._lock = threading.Lock()

    def ingest(self, batch: Batch) -> IngestResult:
        """Take a batch in. One that the ledger holds already changes nothing."""
        with self._lock:
            try:
                return self._ingest_batch(batch)
            finally:
                for segment in batch.segments:
                    segment.unlink(missing_ok=True)

    def set_rules(self, rules: RuleSet) -> None:
        """Judge with these rules from the next batch on."""
        with self._lock:
            self._rules = rules
            self._evaluator = RuleEvaluator(rules, self._database)

    def rematch_rules(self, names: Sequence[str]) -> RematchResult:
        """Match all that is committed with some of the rules again; what is known stays as it is.

        Those that fail are counted, and the others go on.
        """
        told: list[Alert] = []
        failed: set[str] = set()
        for org in self._committed.list_orgs():
            for name in names:
                with self._lock:  # batches may come in between two rules
                    events, known = (
                        self._committed.build_event_views(org),
                        self._committed.build_match_lookup(org),
                    )
                    for judged in self._evaluator.evaluate_archive(name, events, known):
                        told += self._commit_matches(judged)
                    failed.update(self._record_failures(org))
        return RematchResult(notified_alerts=tuple(told), failed_rules=frozenset(failed))

    def mark_lost(self, batch: Batch, reason: str) -> None:
        """Write down that a batch can not be had any more, and go on after it."""
        entry = ledger.LedgerEntry(state=BatchState.LOST, reason=reason)
        with self._database.begin() as connection:
            ledger.record_batch(connection, batch, entry, [])
            commit.advance_cursor(connection, batch)
        facts = render_facts(batch.facts)
        log.warning("batch_lost", stream=str(batch.stream), reason=reason, **facts)

    def retry_quarantined(self, quarantined_batch: quarantine.QuarantinedBatch) -> IngestResult:
        """Read segments that were set aside once more; what can be read now joins its batch."""
        batch = quarantined_batch.batch
        with self._lock:
            landed = self._writer.rewrite_segments(
                batch, quarantined_batch.indexes, self._committed.build_file_lookup(batch)
            )
            told = self._commit_batch(batch, landed, self._evaluate_batch(batch, landed))
        for index in set(quarantined_batch.indexes) - landed.reasons_by_segment.keys():
            quarantine.release_segment(self._paths.quarantine, batch.key, index)
        return _build_result(landed, told)

    def _ingest_batch(self, batch: Batch) -> IngestResult:
        if not batch.segments or self._is_recorded(batch):
            self._advance_coverage(batch)
            return IngestResult()
        landed = self._writer.write_batch(batch, self._committed.build_file_lookup(batch))
        if batch.dedupe and not landed.files and not landed.reasons_by_segment:
            self._advance_coverage(batch)
            return IngestResult(duplicates=landed.duplicates)
        told = self._commit_batch(batch, landed, self._evaluate_batch(batch, landed))
        log.info(
            "batch_stored",
            stream=str(batch.stream),
            event_type=batch.event_type,
            rows=landed.rows,
            duplicates=landed.duplicates,
            quarantined=len(landed.reasons_by_segment),
            alerts=len(told),
        )
        return _build_result(landed, told)

    def _evaluate_batch(self, batch: Batch, written: WrittenBatch) -> EvaluationResult:
        org = batch.stream.org
        with open_temp_tables(self._committed.engine) as made:
            events = replace(
                self._committed.build_event_views(org),
                event_type=batch.event_type,
                fresh_files=tuple(self._paths.archive / file.path for file in written.files),
                temp_tables=made,
            )
            judged = self._evaluator.evaluate_batch(
                events, written.files, self._committed.build_match_lookup(org)
            )
        self._record_failures(org)
        return judged

    def _record_failures(self, org: str) -> Collection[str]:
        """Count the rules that have failed, and name them; the others went on."""
        failed = self._evaluator.take_failures()
        for rule, reason in failed.items():
            log.error("rule_failed", rule=rule, org=org, reason=reason)
        if failed:
            with self._database.begin() as connection:
                rule_store.record_faults(connection, org, failed, now=clock.now())
        return failed.keys()

    def _commit_batch(
        self, batch: Batch, written: WrittenBatch, result: EvaluationResult
    ) -> list[Alert]:
        now = clock.now()
        with self._database.begin() as connection:
            before = ledger.read_ledger_batch(connection, batch.key)
            return commit.commit_batch(
                connection,
                batch,
                _build_entry(written, before.entry),
                [*before.files, *written.files],
                self._fold_result(connection, result, now),
                routes=self._routes,
                channels=self._channels,
                now=now,
            )

    def _commit_matches(self, result: EvaluationResult) -> list[Alert]:
        now = clock.now()
        with self._database.begin() as connection:
            return commit.save_and_notify(
                connection,
                self._fold_result(connection, result, now),
                routes=self._routes,
                channels=self._channels,
                now=now,
            )

    def _fold_result(
        self, connection: sa.Connection, result: EvaluationResult, now: datetime
    ) -> Sequence[alerting.EpisodeChanges]:
        """What becomes of alerts; what rules remember of it is written."""
        for save in result.state_writers:
            save(connection)
        return commit.fold_matches(
            connection,
            self._rules.by_name,
            result.matches,
            withdrawn=result.withdrawals,
            now=now,
        )

    def _advance_coverage(self, batch: Batch) -> None:
        with self._database.begin() as connection:
            commit.advance_coverage(connection, batch)

    def _is_recorded(self, batch: Batch) -> bool:
        with self._database.read() as connection:
            return batch.key in ledger.find_known_keys(connection, [batch.key])


def _build_entry(written: WrittenBatch, before: ledger.LedgerEntry) -> ledger.LedgerEntry:
    """How a batch stands now: what was read of it before, and what was read this time."""
    return ledger.LedgerEntry(
        state=BatchState.QUARANTINED if written.quarantine_reasons else BatchState.STORED,
        reason="; ".join(written.quarantine_reasons),
        rows=before.rows + written.rows,
        duplicates=before.duplicates + written.duplicates,
        quarantined=len(written.reasons_by_segment),
    )


def _build_result(written: WrittenBatch, notified_alerts: Sequence[Alert]) -> IngestResult:
    return IngestResult(
        rows=written.rows,
        duplicates=written.duplicates,
        quarantine_reasons=written.quarantine_reasons,
        notified_alerts=tuple(notified_alerts),
    )
