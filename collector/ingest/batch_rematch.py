"""Runs the rules over events that the ledger has, and that no rule has seen."""

from __future__ import annotations

from contextlib import ExitStack

from collector.evaluation.result import MATCHES_PER_COMMIT, EvaluationResult
from collector.evaluation.temp_tables import open_temp_tables
from collector.ingest.committed_batches import open_committed_batch
from collector.ingest.ingest_context import IngestContext
from collector.ingest.match_backlog import MatchBacklog
from collector.model import Alert
from collector.sources.spec import Lane
from collector.store import unfinished_batches


def rematch_batch(context: IngestContext, key: str) -> list[Alert]:
    """Evaluate the events in a batch's own files as if it came in now; known matches stay.

    Returns the alerts that were enqueued.

    Raises:
        StoppedError: we were asked to end; what is found again later changes nothing.
    """
    with context.database.read() as connection:
        stored = unfinished_batches.read_progress(connection, key)
    active_rules = context.active_rules
    with (
        context.cursors.open_cursor() as cursor,
        open_temp_tables(cursor) as temp_tables,
        ExitStack() as stack,
    ):
        batch = open_committed_batch(context, key, cursor, temp_tables)
        if batch is None:
            return []
        events, files, org = batch.events, batch.files, batch.events.org
        matches = stack.enter_context(active_rules.evaluator.match_logged_events(events, files))
        first = EvaluationResult(matches=matches.read_matches(MATCHES_PER_COMMIT))
        backlog = MatchBacklog.read_ahead(matches, events.directory)
        previous = context.committed.build_match_lookup(org)
        with context.state_turns.take_turn(Lane.BULK):
            if not context.directories.is_current(org, events.directory):
                return rematch_batch(context, key)
            result, failures = context.guard.evaluate(
                lambda: active_rules.evaluator.evaluate_batch(events, files, previous),
                lambda: context.take_failures(active_rules),
            )
            with context.database.begin() as connection:
                notified = context.commit_result(
                    connection, first.merge_with(result), active_rules.rules
                )
        notified += backlog.fold_matches(
            context, key, stored, rules=active_rules.rules, lane=Lane.BULK
        )
    context.record_failures(org, {**failures, **matches.failures})
    return notified
