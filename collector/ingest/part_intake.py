"""Takes in one part of a batch: what depends on it alone first, then its turn at the state."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

import duckdb

from collector import clock
from collector.evaluation.event_views import EventViews
from collector.evaluation.result import MATCHES_PER_COMMIT, EvaluationResult
from collector.evaluation.temp_tables import TempTables, open_temp_tables
from collector.ingest import commit
from collector.ingest.batch_parts import BatchPart
from collector.ingest.batch_writer import BatchWriter, WrittenBatch
from collector.ingest.committed_archive import FileLookup
from collector.ingest.ingest_context import ActiveRules, IngestContext
from collector.ingest.match_backlog import MatchBacklog
from collector.model import Alert, Match
from collector.sources.spec import Lane


@dataclass(frozen=True, slots=True, kw_only=True)
class PartResult:
    """What was written of a part, and the alerts that were enqueued because of it."""

    written: WrittenBatch
    notified_alerts: tuple[Alert, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _PreparedPart:
    """A part that is written and matched, but not committed.

    `files` is what its duplicates were found by, `active_rules` what it was matched with.
    """

    written: WrittenBatch
    files: FileLookup
    active_rules: ActiveRules
    events: EventViews
    first_matches: list[Match]
    backlog: MatchBacklog

    def is_current(self, context: IngestContext) -> bool:
        """Whether nothing that it depends on was changed meanwhile."""
        return (
            self.active_rules is context.active_rules
            and context.directories.is_current(self.events.org, self.events.directory)
            and not self.files.has_changed()
        )


def take_part(context: IngestContext, part: BatchPart, lane: Lane) -> PartResult:
    """Take in a part of a batch. Its events become visible with its entry in the ledger.

    Where it has very many matches, the most of them follow in further transactions; that they are
    missing is in the state until then.

    Raises:
        StoppedError: the engine was interrupted; the part is whole or was never there.
    """
    with (
        context.cursors.open_cursor() as cursor,
        open_temp_tables(cursor) as temp_tables,
        ExitStack() as stack,
    ):
        return _PartIntake(context, part, cursor, temp_tables, stack, lane).take_part()


@dataclass(frozen=True, slots=True)
class _PartIntake:
    """The steps of `take_part`."""

    context: IngestContext
    part: BatchPart
    cursor: duckdb.DuckDBPyConnection
    temp_tables: TempTables
    stack: ExitStack
    lane: Lane

    def take_part(self) -> PartResult:
        prepared = self._prepare_part()
        with self.context.state_turns.take_turn(self.lane):
            if not prepared.is_current(self.context):
                prepared = self._prepare_part()
            written = prepared.written
            if self._has_nothing_new(written):
                self._advance_coverage()
                return PartResult(written=written)
            notified = self._commit_part(prepared)
        notified += prepared.backlog.fold_matches(
            self.context,
            self.part.batch.key,
            self.part.build_progress(has_unfolded_matches=False),
            rules=prepared.active_rules.rules,
            lane=self.lane,
        )
        self.context.record_failures(self._org, prepared.backlog.matches.failures)
        return PartResult(written=written, notified_alerts=tuple(notified))

    @property
    def _org(self) -> str:
        return self.part.batch.stream.org

    def _has_nothing_new(self, written: WrittenBatch) -> bool:
        is_empty = not written.files and not written.reasons_by_segment
        return self.part.batch.dedupe and is_empty

    def _prepare_part(self) -> _PreparedPart:
        files = self.context.committed.build_file_lookup(self.part.batch)
        written = self.context.guard.read(lambda: self._write_part(files))
        active_rules = self.context.active_rules
        events = self.context.committed.build_batch_views(
            self.cursor,
            written.files,
            org=self._org,
            event_type=self.part.batch.event_type,
            temp_tables=self.temp_tables,
        )
        matches = self.stack.enter_context(
            active_rules.evaluator.match_logged_events(events, written.files)
        )
        return _PreparedPart(
            written=written,
            files=files,
            active_rules=active_rules,
            events=events,
            first_matches=matches.read_matches(MATCHES_PER_COMMIT),
            backlog=MatchBacklog.read_ahead(matches, events.directory),
        )

    def _write_part(self, files: FileLookup) -> WrittenBatch:
        if self.lane is Lane.URGENT:
            return self._write_segments(files)
        with self.context.write_turns.take_turn(self.lane):
            return self._write_segments(files)

    def _write_segments(self, files: FileLookup) -> WrittenBatch:
        writer = BatchWriter(
            self.cursor,
            archive=self.context.paths.archive,
            quarantine_root=self.context.paths.quarantine,
            spare_engine=self.context.spare_engine,
            databases=self.context.databases,
        )
        return writer.write_segments(self.part.batch, self.part.indexes, files)

    def _commit_part(self, prepared: _PreparedPart) -> list[Alert]:
        result = EvaluationResult(matches=prepared.first_matches).merge_with(
            self._evaluate_part(prepared)
        )
        progress = self.part.build_progress(has_unfolded_matches=not prepared.backlog.is_empty)
        with self.context.database.begin() as connection:
            if self.part.were_quarantined:
                commit.forget_quarantined(connection, self.part.batch)
            else:
                commit.settle_reread_batch(connection, self.part.batch, prepared.written, progress)
            return commit.commit_batch(
                connection,
                self.part.batch,
                prepared.written,
                result,
                progress=progress,
                rules=prepared.active_rules.rules.by_name,
                audience=self.context.audience,
                now=clock.now(),
            )

    def _evaluate_part(self, prepared: _PreparedPart) -> EvaluationResult:
        active_rules = prepared.active_rules
        previous_matches = self.context.committed.build_match_lookup(self._org)
        result, failures = self.context.guard.evaluate(
            lambda: active_rules.evaluator.evaluate_batch(
                prepared.events, prepared.written.files, previous_matches
            ),
            lambda: self.context.take_failures(active_rules),
        )
        self.context.record_failures(self._org, failures)
        return result

    def _advance_coverage(self) -> None:
        with self.context.database.begin() as connection:
            commit.advance_coverage(connection, self.part.batch)
