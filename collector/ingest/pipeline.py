"""One batch, one transaction: normalize, archive, detect, then commit everything together."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

import duckdb

from collector import clock
from collector.detect import RuleSet
from collector.evaluation.evaluator import RuleEvaluator
from collector.evaluation.result import EvaluationResult
from collector.evaluation.temp_tables import open_temp_tables
from collector.ingest import commit, quarantine
from collector.ingest.batch_writer import BatchWriter, WrittenBatch
from collector.ingest.committed_archive import CommittedArchive
from collector.ingest.file_guard import FileGuard
from collector.ingest.notifications import Audience
from collector.ingest.state_paths import StatePaths
from collector.logs import log
from collector.model import Alert, Batch, Route, render_facts
from collector.store import ledger, rule_status
from collector.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestResult:
    """What was stored of a batch, and the alerts that were enqueued because of it."""

    rows: int = 0
    duplicates: int = 0
    quarantine_reasons: tuple[str, ...] = ()
    notified_alerts: tuple[Alert, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RematchResult:
    """The alerts enqueued by matching the archive again, and the rules that could not be run."""

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
        self._audience = Audience(routes=routes, channels=channels)
        self._evaluator = RuleEvaluator(rules, database)
        guard = FileGuard(
            database, connection, archive=paths.archive, damaged_root=paths.damaged_files
        )
        self._committed = CommittedArchive(database, connection, paths.archive, guard)
        self._writer = BatchWriter(
            connection, archive=paths.archive, quarantine_root=paths.quarantine
        )
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
        """Evaluate these rules from the next batch on."""
        with self._lock:
            self._rules = rules
            self._evaluator = RuleEvaluator(rules, self._database)

    def rematch_rules(self, names: Sequence[str]) -> RematchResult:
        """Match all committed events with some of the rules again; known matches stay as they are.

        Rules that fail are recorded, and the others go on.
        """
        notified: list[Alert] = []
        failed: set[str] = set()
        for org in self._committed.list_orgs():
            for name in names:
                with self._lock:  # batches may come in between two rules
                    alerts, failures = self._committed.guard.evaluate(
                        partial(self._rematch_rule, org, name), self._evaluator.take_failures
                    )
                    self._record_failures(org, failures)
                    notified += alerts
                    failed.update(failures)
        return RematchResult(notified_alerts=tuple(notified), failed_rules=frozenset(failed))

    def set_absent_files_aside(self, now: datetime) -> None:
        """Set committed files aside that are not there any more, before somebody reads them.

        `now` is when they are found missing.

        Raises CollectorError where the whole archive is gone.
        """
        with self._lock:  # a batch that is being committed may replace its files
            self._committed.set_absent_aside(now)

    def mark_lost(self, batch: Batch, reason: str) -> None:
        """Record that a batch is lost, and move the cursor after it."""
        with self._database.begin() as connection:
            commit.commit_lost_batch(connection, batch, reason)
        facts = render_facts(batch.facts)
        log.warning("batch_lost", stream=str(batch.stream), reason=reason, **facts)

    def retry_quarantined(self, quarantined_batch: quarantine.QuarantinedBatch) -> IngestResult:
        """Read segments that were set aside once more; what can be read now joins its batch."""
        batch = quarantined_batch.batch
        with self._lock:
            existing_files = self._committed.build_file_lookup(batch)
            written = self._committed.guard.read(
                lambda: self._writer.rewrite_segments(
                    batch, quarantined_batch.indexes, existing_files
                )
            )
            result = self._evaluate_batch(batch, written)
            notified = self._commit_batch(batch, written, result)
        for index in set(quarantined_batch.indexes) - written.reasons_by_segment.keys():
            quarantine.release_segment(self._paths.quarantine, batch.key, index)
        return _build_result(written, notified)

    def _ingest_batch(self, batch: Batch) -> IngestResult:
        if not batch.segments or self._is_recorded(batch):
            self._advance_coverage(batch)
            return IngestResult()
        self._committed.guard.require_archive()
        existing_files = self._committed.build_file_lookup(batch)
        written = self._committed.guard.read(
            lambda: self._writer.write_batch(batch, existing_files)
        )
        if batch.dedupe and not written.files and not written.reasons_by_segment:
            self._advance_coverage(batch)
            return IngestResult(duplicates=written.duplicates)
        result = self._evaluate_batch(batch, written)
        notified = self._commit_batch(batch, written, result)
        log.info(
            "batch_stored",
            stream=str(batch.stream),
            event_type=batch.event_type,
            rows=written.rows,
            duplicates=written.duplicates,
            quarantined=len(written.reasons_by_segment),
            alerts=len(notified),
        )
        return _build_result(written, notified)

    def _rematch_rule(self, org: str, name: str) -> list[Alert]:
        events = self._committed.build_event_views(org)
        previous = self._committed.build_match_lookup(org)
        return [
            alert
            for result in self._evaluator.evaluate_archive(name, events, previous)
            for alert in self._commit_result(result)
        ]

    def _evaluate_batch(self, batch: Batch, written: WrittenBatch) -> EvaluationResult:
        result, failures = self._committed.guard.evaluate(
            partial(self._run_rules, batch, written), self._evaluator.take_failures
        )
        self._record_failures(batch.stream.org, failures)
        return result

    def _run_rules(self, batch: Batch, written: WrittenBatch) -> EvaluationResult:
        org = batch.stream.org
        with open_temp_tables(self._committed.engine) as temp_tables:
            events = replace(
                self._committed.build_event_views(org),
                event_type=batch.event_type,
                fresh_files=tuple(self._paths.archive.locate_files(written.files)),
                temp_tables=temp_tables,
            )
            return self._evaluator.evaluate_batch(
                events, written.files, self._committed.build_match_lookup(org)
            )

    def _record_failures(self, org: str, failures: Mapping[str, str]) -> None:
        """Record the rules that have failed."""
        for rule, reason in failures.items():
            log.error("rule_failed", rule=rule, org=org, reason=reason)
        if failures:
            with self._database.begin() as connection:
                rule_status.record_faults(connection, org, failures, now=clock.now())

    def _commit_batch(
        self, batch: Batch, written: WrittenBatch, result: EvaluationResult
    ) -> list[Alert]:
        now = clock.now()
        with self._database.begin() as connection:
            return commit.commit_batch(
                connection,
                batch,
                written,
                result,
                rules=self._rules.by_name,
                audience=self._audience,
                now=now,
            )

    def _commit_result(self, result: EvaluationResult) -> list[Alert]:
        now = clock.now()
        with self._database.begin() as connection:
            return commit.commit_result(
                connection, result, rules=self._rules.by_name, audience=self._audience, now=now
            )

    def _advance_coverage(self, batch: Batch) -> None:
        with self._database.begin() as connection:
            commit.advance_coverage(connection, batch)

    def _is_recorded(self, batch: Batch) -> bool:
        with self._database.read() as connection:
            return batch.key in ledger.find_known_keys(connection, [batch.key])


def _build_result(written: WrittenBatch, notified_alerts: Sequence[Alert]) -> IngestResult:
    return IngestResult(
        rows=written.rows,
        duplicates=written.duplicates,
        quarantine_reasons=written.quarantine_reasons,
        notified_alerts=tuple(notified_alerts),
    )
