"""The state transaction: ledger, alerts, deliveries and cursor move together or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from collector.evaluation.result import EvaluationResult
from collector.ingest.batch_writer import WrittenBatch
from collector.ingest.notifications import Audience, enqueue_alerts
from collector.ingest.stored_episodes import fold_matches, save_episodes
from collector.model import Alert, Batch, BatchState, Rule
from collector.store import ledger, stream_coverage, tracked_objects


def commit_batch(
    connection: sa.Connection,
    batch: Batch,
    written: WrittenBatch,
    result: EvaluationResult,
    *,
    rules: Mapping[str, Rule],
    audience: Audience,
    now: datetime,
) -> list[Alert]:
    """Write all that a batch has brought and been judged as. Returns the alerts to be told of."""
    changes = fold_matches(connection, rules, result, now=now)
    record_batch(connection, batch, written)
    save_episodes(connection, changes)
    save_rule_state(connection, result)
    notified_alerts = enqueue_alerts(connection, changes, audience, now=now)
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
    """Write what rules say of events that were committed before; else as `commit_batch`."""
    changes = fold_matches(connection, rules, result, now=now)
    save_episodes(connection, changes)
    save_rule_state(connection, result)
    return enqueue_alerts(connection, changes, audience, now=now)


def commit_lost_batch(connection: sa.Connection, batch: Batch, reason: str) -> None:
    """Write down that a batch can not be had any more, and go on after it."""
    entry = ledger.LedgerEntry(state=BatchState.LOST, reason=reason)
    ledger.record_batch(connection, batch, entry, [])
    advance_cursor(connection, batch)


def record_batch(connection: sa.Connection, batch: Batch, written: WrittenBatch) -> None:
    """Add what was read of a batch this time to what the ledger has of it."""
    before = ledger.read_ledger_batch(connection, batch.key)
    entry = ledger.LedgerEntry(
        state=BatchState.QUARANTINED if written.quarantine_reasons else BatchState.STORED,
        reason="; ".join(written.quarantine_reasons),
        rows=before.entry.rows + written.rows,
        duplicates=before.entry.duplicates + written.duplicates,
        quarantined=len(written.reasons_by_segment),
    )
    ledger.record_batch(connection, batch, entry, [*before.files, *written.files])


def save_rule_state(connection: sa.Connection, result: EvaluationResult) -> None:
    """Write what rules are to remember from now on."""
    for change in result.state_changes:
        change.save(connection)


def advance_coverage(connection: sa.Connection, batch: Batch) -> None:
    """Count the batch's window as read, and go on after it."""
    stream_coverage.cover_batch_window(connection, batch)
    advance_cursor(connection, batch)


def advance_cursor(connection: sa.Connection, batch: Batch) -> None:
    """Move the stream's cursor to where the batch says, and keep what it says of objects."""
    if batch.cursor is not None:
        ledger.save_cursor(connection, batch.stream, batch.cursor)
    tracked_objects.save_object_states(connection, batch)
