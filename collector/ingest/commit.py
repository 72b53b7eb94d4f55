"""The state transaction: ledger, alerts, deliveries and cursor move together or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from collector import clock
from collector.evaluation.result import EvaluationResult
from collector.ingest.batch_writer import WrittenBatch
from collector.ingest.notifications import Audience, enqueue_alerts
from collector.ingest.stored_episodes import fold_matches, save_episodes
from collector.model import Alert, Batch, BatchState, Rule
from collector.store import (
    compacted_files,
    damaged_files,
    directory_entries,
    file_expiry,
    ledger,
    stream_coverage,
    tracked_objects,
    unfinished_batches,
)
from collector.store.unfinished_batches import WHOLE_BATCH, BatchProgress


def commit_batch(
    connection: sa.Connection,
    batch: Batch,
    written: WrittenBatch,
    result: EvaluationResult,
    *,
    progress: BatchProgress = WHOLE_BATCH,
    rules: Mapping[str, Rule],
    audience: Audience,
    now: datetime,
) -> list[Alert]:
    """Write a batch, or a part of it, and the result of its evaluation.

    `progress` is how far the batch is then; its cursor moves once nothing of it is missing.
    Returns the alerts that were enqueued.
    """
    changes = fold_matches(connection, rules, result, now=now)
    record_batch(connection, batch, written, progress)
    save_episodes(connection, changes)
    save_rule_state(connection, result)
    notified_alerts = enqueue_alerts(connection, changes, audience, now=now)
    if not progress.segments:
        advance_coverage(connection, batch)
    return notified_alerts


def commit_result(
    connection: sa.Connection,
    result: EvaluationResult,
    *,
    rules: Mapping[str, Rule],
    audience: Audience,
    now: datetime,
) -> list[Alert]:
    """Write the evaluation of committed events. Returns the alerts that were enqueued."""
    changes = fold_matches(connection, rules, result, now=now)
    save_episodes(connection, changes)
    save_rule_state(connection, result)
    return enqueue_alerts(connection, changes, audience, now=now)


def commit_lost_batch(connection: sa.Connection, batch: Batch, reason: str) -> None:
    """Record that a batch is lost, but for what there is of it, and move the cursor after it."""
    ledger.record_lost_batch(connection, batch, reason)
    advance_cursor(connection, batch)


def record_batch(
    connection: sa.Connection, batch: Batch, written: WrittenBatch, progress: BatchProgress
) -> None:
    """Add what was written of a batch this time to its entry in the ledger.

    A file that was written anew, because it was damaged, takes the place of what it was.
    """
    before = ledger.read_ledger_batch(connection, batch.key)
    entry = before.entry
    if _begins_anew(connection, batch, entry):
        entry = ledger.LedgerEntry(state=BatchState.PENDING)
        file_expiry.forget_pruned_events(connection, batch.key)
    files = {file.path: file for file in (*before.files, *written.files)}
    quarantined = entry.quarantined + len(written.reasons_by_segment)
    ledger.record_batch(
        connection,
        batch,
        ledger.LedgerEntry(
            state=_choose_state(progress, quarantined),
            reason="; ".join(filter(None, [entry.reason, *written.quarantine_reasons])),
            rows=sum(file.rows for file in files.values())
            + compacted_files.count_compacted_rows(connection, batch.key),
            duplicates=entry.duplicates + written.duplicates,
            quarantined=quarantined,
            bad_records=entry.bad_records + written.bad_records,
            unknown_times=entry.unknown_times + written.unknown_times,
        ),
        files.values(),
    )
    unfinished_batches.save_progress(connection, batch.key, progress)


def settle_reread_batch(
    connection: sa.Connection, batch: Batch, written: WrittenBatch, progress: BatchProgress
) -> None:
    """Let a batch that was read from its beginning to its end make good compacted files' damage."""
    if progress.segments:
        return
    before = ledger.read_ledger_batch(connection, batch.key)
    rows_by_path = {file.path: file.rows for file in (*before.files, *written.files)}
    damaged_files.settle_compacted_damage(connection, batch.key, rows=sum(rows_by_path.values()))


def forget_quarantined(connection: sa.Connection, batch: Batch) -> None:
    """Take back what the ledger says of what was set aside of a batch."""
    before = ledger.read_ledger_batch(connection, batch.key)
    entry = replace(before.entry, quarantined=0, bad_records=0, reason="")
    ledger.record_batch(connection, batch, entry, before.files)


def _begins_anew(connection: sa.Connection, batch: Batch, entry: ledger.LedgerEntry) -> bool:
    """Whether the batch is read again from its beginning because a file of it was damaged."""
    is_damaged = entry.state == BatchState.DAMAGED
    return is_damaged and not unfinished_batches.read_progress(connection, batch.key).segments


def _choose_state(progress: BatchProgress, quarantined: int) -> BatchState:
    if progress.segments:
        return BatchState.PENDING
    return BatchState.QUARANTINED if quarantined else BatchState.STORED


def save_rule_state(connection: sa.Connection, result: EvaluationResult) -> None:
    """Write the changes of the state of rules."""
    for change in result.state_changes:
        change.save(connection)


def advance_coverage(connection: sa.Connection, batch: Batch) -> None:
    """Record the batch's window as covered, and move the cursor after it."""
    stream_coverage.cover_batch_window(connection, batch)
    advance_cursor(connection, batch)


def advance_cursor(connection: sa.Connection, batch: Batch) -> None:
    """Save the batch's cursor and object states, and what it says of the directory."""
    if batch.cursor is not None:
        ledger.save_cursor(connection, batch.stream, batch.cursor)
    tracked_objects.save_object_states(connection, batch)
    if batch.directory is not None:
        directory_entries.save_directory_page(
            connection, batch.stream.org, batch.directory, now=clock.now()
        )
