"""What all work of one pipeline shares: the state, the engine, the rules, and whose turn it is."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

from collector import clock
from collector.detect import RuleSet
from collector.errors import StoppedError
from collector.evaluation.evaluator import RuleEvaluator
from collector.evaluation.result import EvaluationResult
from collector.geoip import NO_PLACES, PlaceDatabases
from collector.ingest import commit
from collector.ingest.batches_at_work import BatchesAtWork
from collector.ingest.committed_archive import CommittedArchive
from collector.ingest.directory_cache import DirectoryCache
from collector.ingest.engine_cursors import EngineCursors
from collector.ingest.file_guard import FileGuard
from collector.ingest.file_swaps import FileSwaps
from collector.ingest.notifications import Audience
from collector.ingest.spare_engine import SpareEngine
from collector.ingest.state_paths import StatePaths
from collector.ingest.work_turns import WorkTurns
from collector.logs import log
from collector.model import Alert
from collector.store import rule_status
from collector.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveRules:
    """The rules that are evaluated, and what does it."""

    rules: RuleSet
    evaluator: RuleEvaluator


@dataclass(slots=True, kw_only=True)
class IngestContext:
    """What all work of one pipeline shares.

    Attributes:
        guard: sets damaged files of the archive aside.
        active_rules: replaced by whoever has the state's turn.
        spare_engine: is opened for what their engine has no memory for.
        databases: say where the addresses of events are.
        write_turns: bulk work writes one part at a time, since the engine's memory is bounded.
        state_turns: whoever reads what is committed, and commits, has a turn of these.
        batches_at_work: those that are being taken in.
        swaps: which files were made of which others.
        directories: what the ids in the events of each org stood for at their times.
    """

    database: Database
    paths: StatePaths
    cursors: EngineCursors
    guard: FileGuard
    audience: Audience
    active_rules: ActiveRules
    directories: DirectoryCache
    stop_event: threading.Event
    spare_engine: SpareEngine
    databases: PlaceDatabases = NO_PLACES
    write_turns: WorkTurns = field(default_factory=WorkTurns)
    state_turns: WorkTurns = field(default_factory=WorkTurns)
    batches_at_work: BatchesAtWork = field(default_factory=BatchesAtWork)
    swaps: FileSwaps = field(default_factory=FileSwaps)

    @property
    def committed(self) -> CommittedArchive:
        """The archive as the ledger knows it."""
        return CommittedArchive(
            self.database, self.paths.archive, self.guard, self.swaps, self.directories
        )

    def raise_if_stopped(self) -> None:
        """Raises StoppedError if we were asked to end, or our queries were cut short."""
        self.cursors.raise_if_interrupted()
        if self.stop_event.is_set():
            raise StoppedError("asked to end between two parts")

    def commit_result(
        self, connection: sa.Connection, result: EvaluationResult, rules: RuleSet
    ) -> list[Alert]:
        """Write the evaluation of committed events. Returns the alerts that were enqueued."""
        self.cursors.raise_if_interrupted()
        return commit.commit_result(
            connection, result, rules=rules.by_name, audience=self.audience, now=clock.now()
        )

    def take_failures(self, active_rules: ActiveRules) -> Mapping[str, str]:
        """The rules that have failed since the last call, each with the reason.

        Raises:
            StoppedError: our queries were cut short, which looks like a rule that failed.
        """
        failures = active_rules.evaluator.take_failures()
        self.cursors.raise_if_interrupted()
        return failures

    def record_failures(self, org: str, failures: Mapping[str, str]) -> None:
        """Record rules that have failed, each with the reason."""
        for rule, reason in failures.items():
            log.error("rule_failed", rule=rule, org=org, reason=reason)
        if failures:
            with self.database.begin() as connection:
                rule_status.record_faults(connection, org, failures, now=clock.now())
