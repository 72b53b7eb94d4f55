"""The path of a batch: normalize, archive, detect; then everything is committed together.

Writing and what depends on a batch alone are done side by side. What depends on all that is
committed is done by one thread at a time, urgent lanes first.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import duckdb

from collector import engine
from collector.detect import RuleSet
from collector.directory.user_claims import NO_CLAIMS, UserClaims
from collector.engine import EngineShares
from collector.evaluation.evaluator import RuleEvaluator
from collector.geoip import NO_PLACES, PlaceDatabases
from collector.ingest import (
    archive_rematch,
    batch_rematch,
    commit,
    directory_settlement,
    match_backlog,
    part_intake,
    quarantine,
)
from collector.ingest.absence_settlement import AbsenceSettlement
from collector.ingest.archive_scrub import ArchiveScrubber
from collector.ingest.archive_verification import settle_reports
from collector.ingest.batch_parts import BatchPart, split_batch
from collector.ingest.compaction import ArchiveCompactor
from collector.ingest.directory_cache import DirectoryCache
from collector.ingest.engine_cursors import EngineCursors
from collector.ingest.file_guard import FileGuard
from collector.ingest.ingest_context import ActiveRules, IngestContext
from collector.ingest.notifications import Audience
from collector.ingest.part_intake import PartResult
from collector.ingest.spare_engine import SpareEngine
from collector.ingest.state_paths import StatePaths
from collector.logs import log
from collector.model import Alert, Batch, Route, render_facts
from collector.sources.spec import Lane
from collector.store import ledger, unfinished_batches
from collector.store.database import Database
from collector.store.unfinished_batches import BatchProgress, UnfoldedBatch


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestResult:
    """What was stored of a batch, and the alerts that were enqueued because of it.

    `unknown_times` of the rows have the time of the batch, for want of their own.
    """

    rows: int = 0
    duplicates: int = 0
    bad_records: int = 0
    unknown_times: int = 0
    quarantine_reasons: tuple[str, ...] = ()
    notified_alerts: tuple[Alert, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RematchResult:
    """The alerts enqueued by matching the archive again, and the rules that could not be run."""

    notified_alerts: tuple[Alert, ...] = ()
    failed_rules: frozenset[str] = frozenset()


class Pipeline:
    """The one path that every batch takes. Safe to share between threads.

    Attributes:
        compactor: makes few files of the many that it writes.
        absences: tells what has not come.
    """

    def __init__(
        self,
        *,
        database: Database,
        connection: duckdb.DuckDBPyConnection,
        paths: StatePaths,
        rules: RuleSet,
        routes: Sequence[Route] = (),
        channels: Sequence[str] = (),
        stop_event: threading.Event | None = None,
        claims: UserClaims = NO_CLAIMS,
        databases: PlaceDatabases = NO_PLACES,
        engine_shares: EngineShares | None = None,
    ) -> None:
        shares = engine_shares or engine.share_resources(engine.choose_resources())
        cursors = EngineCursors(connection)
        self._context = IngestContext(
            database=database,
            paths=paths,
            cursors=cursors,
            directories=DirectoryCache(database, cursors, claims),
            guard=FileGuard(
                database, connection, archive=paths.archive, damaged_root=paths.damaged_files
            ),
            audience=Audience(routes=routes, channels=channels),
            active_rules=_activate_rules(rules, database),
            stop_event=stop_event or threading.Event(),
            spare_engine=SpareEngine(shares.spare),
            databases=databases,
        )
        self.compactor = ArchiveCompactor(self._context, shares.compaction)
        self.absences = AbsenceSettlement(context=self._context)

    def ingest(self, batch: Batch, *, lane: Lane = Lane.BULK) -> IngestResult:
        """Take a batch in. One that the ledger holds already changes nothing.

        Raises:
            StoppedError: we were asked to end. What was committed of a large batch stays, and it
                goes on from there when it is taken in the next time.
        """
        try:
            with self._context.batches_at_work.hold_batch(batch.key):
                return self._ingest_batch(batch, lane)
        finally:
            for segment in batch.segments:
                segment.unlink(missing_ok=True)

    def set_rules(self, rules: RuleSet) -> None:
        """Evaluate these rules from the next commit on."""
        active_rules = _activate_rules(rules, self._context.database)
        with self._context.state_turns.take_turn(Lane.URGENT):
            self._context.active_rules = active_rules

    def rematch_rules(self, names: Sequence[str]) -> RematchResult:
        """Match all committed events with some of the rules again; known matches stay as they are.

        Rules that fail are recorded, and the others go on.
        """
        notified: list[Alert] = []
        failed: set[str] = set()
        for org in self._context.committed.list_orgs():
            for name in names:
                result = archive_rematch.rematch_rule(self._context, org, name)
                notified += result.notified_alerts
                failed |= result.failures.keys()
        return RematchResult(notified_alerts=tuple(notified), failed_rules=frozenset(failed))

    def rematch_batch(self, key: str) -> list[Alert]:
        """Run the rules over the committed events of a batch that no rule has seen.

        Returns the alerts that were enqueued.
        """
        return batch_rematch.rematch_batch(self._context, key)

    def fold_unfolded_matches(self) -> None:
        """Fold the matches that an earlier process, or a failure, has left.

        Raises:
            StoppedError: we were asked to end.
        """
        match_backlog.fold_unfolded_batches(self._context)

    def settle_directory(self) -> list[Alert]:
        """Judge the events again of which the directory has learned something since.

        Returns the alerts that were enqueued.

        Raises:
            StoppedError: we were asked to end; what was settled stays so, the rest follows later.
        """
        return directory_settlement.settle_directories(self._context)

    def interrupt_queries(self) -> None:
        """Cut short what is at work. Nothing more is taken in, and nothing is left in doubt."""
        self._context.cursors.interrupt_queries()
        self.compactor.interrupt_queries()

    def set_absent_files_aside(self, now: datetime) -> None:
        """Set committed files aside that are not there any more, before somebody reads them.

        And those that were reported as altered, if they are. `now` is when they are found missing.

        Raises:
            CollectorError: the whole archive is gone.
        """
        # A batch that is being committed may replace its files.
        with self._context.state_turns.take_turn(Lane.BULK):
            self._context.committed.set_absent_aside(now)
            settle_reports(self._context.database, self._context.guard)

    def scrub_archive(self, period: timedelta) -> None:
        """Read a slice of the archive, if it is time for one: all of it once in a period.

        Raises:
            StoppedError: we were asked to end.
        """
        ArchiveScrubber(context=self._context, period=period).scrub_slice()

    def mark_lost(self, batch: Batch, reason: str) -> None:
        """Record that a batch is lost, and move the cursor after it."""
        with self._context.database.begin() as connection:
            commit.commit_lost_batch(connection, batch, reason)
        facts = render_facts(batch.facts)
        log.warning("batch_lost", stream=str(batch.stream), reason=reason, **facts)

    def retry_quarantined(self, quarantined_batch: quarantine.QuarantinedBatch) -> IngestResult:
        """Read what was set aside once more; what can be read now joins its batch."""
        with self._context.batches_at_work.hold_batch(quarantined_batch.batch.key):
            return self._retry_quarantined(quarantined_batch)

    def _retry_quarantined(self, quarantined_batch: quarantine.QuarantinedBatch) -> IngestResult:
        batch = quarantined_batch.batch
        part = BatchPart(
            batch=batch,
            indexes=quarantined_batch.indexes,
            next_segment=self._resume_batch(batch).segments,
            were_quarantined=True,
        )
        result = part_intake.take_part(self._context, part, Lane.BULK)
        quarantine.settle_retry(
            self._context.paths.quarantine,
            batch.key,
            quarantined_batch.indexes,
            result.written.reasons_by_segment,
        )
        return _combine_results([result])

    def _ingest_batch(self, batch: Batch, lane: Lane) -> IngestResult:
        if not batch.segments or self._is_recorded(batch):
            self._advance_coverage(batch)
            return IngestResult(notified_alerts=tuple(self._settle_page(batch)))
        self._context.guard.require_archive()
        results: list[PartResult] = []
        for part in split_batch(batch, start=self._resume_batch(batch).segments):
            if results:
                self._context.raise_if_stopped()
            results.append(part_intake.take_part(self._context, part, lane))
        result = _combine_results(results)
        if result.rows or not batch.dedupe:
            _log_batch(batch, result)
        return result

    def _resume_batch(self, batch: Batch) -> BatchProgress:
        """How far a batch is, after what was left of its committed part has been folded."""
        with self._context.database.read() as connection:
            progress = unfinished_batches.read_progress(connection, batch.key)
        if progress.has_unfolded_matches:
            unfolded = UnfoldedBatch(key=batch.key, org=batch.stream.org)
            match_backlog.fold_unfolded_batch(self._context, unfolded)
        return progress

    def _advance_coverage(self, batch: Batch) -> None:
        with self._context.database.begin() as connection:
            commit.advance_coverage(connection, batch)

    def _settle_page(self, batch: Batch) -> list[Alert]:
        if batch.directory is None:
            return []
        return directory_settlement.settle_few_entries(self._context, batch.stream.org)

    def _is_recorded(self, batch: Batch) -> bool:
        with self._context.database.read() as connection:
            return batch.key in ledger.find_known_keys(connection, [batch.key])


def _activate_rules(rules: RuleSet, database: Database) -> ActiveRules:
    return ActiveRules(rules=rules, evaluator=RuleEvaluator(rules, database))


def _combine_results(results: Sequence[PartResult]) -> IngestResult:
    return IngestResult(
        rows=sum(result.written.rows for result in results),
        duplicates=sum(result.written.duplicates for result in results),
        bad_records=sum(result.written.bad_records for result in results),
        unknown_times=sum(result.written.unknown_times for result in results),
        quarantine_reasons=tuple(
            reason for result in results for reason in result.written.quarantine_reasons
        ),
        notified_alerts=tuple(alert for result in results for alert in result.notified_alerts),
    )


def _log_batch(batch: Batch, result: IngestResult) -> None:
    log.info(
        "batch_stored",
        stream=str(batch.stream),
        event_type=batch.event_type,
        rows=result.rows,
        duplicates=result.duplicates,
        quarantined=len(result.quarantine_reasons),
        bad_records=result.bad_records,
        unknown_times=result.unknown_times,
        alerts=len(result.notified_alerts),
    )
