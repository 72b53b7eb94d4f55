"""One batch, one transaction: normalize, archive, detect, then commit everything together."""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import duckdb

from collector import clock
from collector.detect import RuleSet
from collector.evaluation.evaluator import RuleEvaluator
from collector.evaluation.result import EvaluationResult
from collector.evaluation.temp_tables import open_temp_tables
from collector.ingest import commit, quarantine
from collector.ingest.batch_writer import BatchWriter, WrittenBatch
from collector.ingest.committed_archive import CommittedArchive
from collector.ingest.notifications import Audience
from collector.ingest.state_paths import StatePaths
from collector.logs import log
from collector.model import Alert, Batch, Route, render_facts
from collector.store import ledger, rule_status
from collector.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestResult:
    """What was stored of a batch, and the alerts that were enqueued because of it.

    `unknown_times` of the rows have the time of the batch, for want of their own.
    """

    rows: int = 0
    duplicates: int = 0
    unknown_times: int = 0
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
        self._committed = CommittedArchive(database, connection, paths.archive)
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
                    events = self._committed.build_event_views(org)
                    previous = self._committed.build_match_lookup(org)
                    for result in self._evaluator.evaluate_archive(name, events, previous):
                        notified += self._commit_result(result)
                    failed.update(self._record_failures(org))
        return RematchResult(notified_alerts=tuple(notified), failed_rules=frozenset(failed))

    def mark_lost(self, batch: Batch, reason: str) -> None:
        """Record that a batch is lost, and move the cursor after it."""
        with self._database.begin() as connection:
            commit.commit_lost_batch(connection, batch, reason)
        facts = render_facts(batch.facts)
        log.warning("batch_lost", stream=str(batch.stream), reason=reason, **facts)

    def retry_quarantined(self, quarantined_batch: quarantine.QuarantinedBatch) -> IngestResult:
        """Read what was set aside once more; what can be read now joins its batch."""
        batch = quarantined_batch.batch
        with self._lock:
            written = self._writer.rewrite_segments(
                batch, quarantined_batch.indexes, self._committed.build_file_lookup(batch)
            )
            result = self._evaluate_batch(batch, written)
            notified = self._commit_batch(batch, written, result)
        quarantine.settle_retry(
            self._paths.quarantine,
            batch.key,
            quarantined_batch.indexes,
            written.reasons_by_segment,
        )
        return _build_result(written, notified)

    def _ingest_batch(self, batch: Batch) -> IngestResult:
        if not batch.segments or self._is_recorded(batch):
            self._advance_coverage(batch)
            return IngestResult()
        written = self._writer.write_batch(batch, self._committed.build_file_lookup(batch))
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
            bad_records=written.bad_records,
            unknown_times=written.unknown_times,
            alerts=len(notified),
        )
        return _build_result(written, notified)

    def _evaluate_batch(self, batch: Batch, written: WrittenBatch) -> EvaluationResult:
        org = batch.stream.org
        with open_temp_tables(self._committed.engine) as temp_tables:
            events = replace(
                self._committed.build_event_views(org),
                event_type=batch.event_type,
                fresh_files=tuple(self._paths.archive.locate_files(written.files)),
                temp_tables=temp_tables,
            )
            result = self._evaluator.evaluate_batch(
                events, written.files, self._committed.build_match_lookup(org)
            )
        self._record_failures(org)
        return result

    def _record_failures(self, org: str) -> Collection[str]:
        """Record the rules that have failed, and return their names."""
        failed = self._evaluator.take_failures()
        for rule, reason in failed.items():
            log.error("rule_failed", rule=rule, org=org, reason=reason)
        if failed:
            with self._database.begin() as connection:
                rule_status.record_faults(connection, org, failed, now=clock.now())
        return failed.keys()

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
        unknown_times=written.unknown_times,
        quarantine_reasons=written.quarantine_reasons,
        notified_alerts=tuple(notified_alerts),
    )
