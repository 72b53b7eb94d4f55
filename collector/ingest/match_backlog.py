"""The matches of committed events that are too many for one transaction."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace

from collector.detect import RuleSet
from collector.evaluation.evaluator import LoggedMatches
from collector.evaluation.event_directory import EventDirectory
from collector.evaluation.result import MATCHES_PER_COMMIT, EvaluationResult
from collector.evaluation.temp_tables import open_temp_tables
from collector.ingest.committed_batches import open_committed_batch
from collector.ingest.ingest_context import IngestContext
from collector.model import Alert, Match
from collector.sources.spec import Lane
from collector.store import unfinished_batches
from collector.store.unfinished_batches import BatchProgress, UnfoldedBatch


@dataclass(frozen=True, slots=True)
class MatchBacklog:
    """Matches that are still to be found and folded; `next_matches` are the next of them.

    `directory` is what they were found with.
    """

    matches: LoggedMatches
    next_matches: list[Match]
    directory: EventDirectory

    @classmethod
    def read_ahead(cls, matches: LoggedMatches, directory: EventDirectory) -> MatchBacklog:
        """What is left of these."""
        return cls(matches, matches.read_matches(MATCHES_PER_COMMIT), directory)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left."""
        return not self.next_matches

    def fold_matches(
        self,
        context: IngestContext,
        key: str,
        progress: BatchProgress,
        *,
        rules: RuleSet,
        lane: Lane,
    ) -> list[Alert]:
        """Fold what is left into alerts, part by part; others get in between.

        With the last part the batch is as far as `progress` says. Folding a match again changes
        nothing, so whoever dies in between begins again (`fold_unfolded_batch`), and so do we where
        the directory says something else meanwhile.

        Returns the alerts that were enqueued.

        Raises:
            StoppedError: we were asked to end.
        """
        notified: list[Alert] = []
        matches = self.next_matches
        while matches:
            context.raise_if_stopped()
            following = self.matches.read_matches(MATCHES_PER_COMMIT)
            with context.state_turns.take_turn(lane):
                if not context.directories.is_current(matches[0].org, self.directory):
                    unfolded = UnfoldedBatch(key=key, org=matches[0].org)
                    break
                with context.database.begin() as connection:
                    result = EvaluationResult(matches=matches)
                    notified += context.commit_result(connection, result, rules)
                    if not following:
                        unfinished_batches.save_progress(connection, key, progress)
            matches = following
        else:
            return notified
        return notified + fold_unfolded_batch(context, unfolded)


def fold_unfolded_batches(context: IngestContext) -> list[Alert]:
    """Fold what an earlier process, or a failure, has left. Returns the alerts that were enqueued.

    Raises:
        StoppedError: we were asked to end.
    """
    with context.database.read() as connection:
        batches = unfinished_batches.list_unfolded_batches(connection)
    notified: list[Alert] = []
    for batch in batches:
        if batch.key not in context.batches_at_work:
            notified += fold_unfolded_batch(context, batch)
    return notified


def fold_unfolded_batch(context: IngestContext, batch: UnfoldedBatch) -> list[Alert]:
    """Match the committed events of a batch again, and fold what is found.

    Returns the alerts that were enqueued.
    """
    with (
        context.cursors.open_cursor() as cursor,
        open_temp_tables(cursor) as temp_tables,
        ExitStack() as stack,
    ):
        active_rules = context.active_rules
        with context.database.read() as connection:
            stored = unfinished_batches.read_progress(connection, batch.key)
        progress = replace(stored, has_unfolded_matches=False)
        committed = open_committed_batch(context, batch.key, cursor, temp_tables)
        if committed is None:
            _save_progress(context, batch.key, progress)
            return []
        matches = stack.enter_context(
            active_rules.evaluator.match_logged_events(committed.events, committed.files)
        )
        backlog = MatchBacklog.read_ahead(matches, committed.events.directory)
        if backlog.is_empty:  # the rules have changed since
            _save_progress(context, batch.key, progress)
        notified = backlog.fold_matches(
            context, batch.key, progress, rules=active_rules.rules, lane=Lane.BULK
        )
    context.record_failures(batch.org, matches.failures)
    return notified


def _save_progress(context: IngestContext, key: str, progress: BatchProgress) -> None:
    with context.database.begin() as connection:
        unfinished_batches.save_progress(connection, key, progress)
