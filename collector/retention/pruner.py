"""Prunes archive and state: in small transactions, each of which leaves a state that is whole."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta

import sqlalchemy as sa

from collector.errors import StoppedError
from collector.ingest.archive_claim import require_archive
from collector.ingest.state_paths import StatePaths
from collector.logs import log
from collector.model import ArchiveFile, BatchState, Stream
from collector.retention import set_aside_files
from collector.retention.clock_doubt import explain_clock_doubt
from collector.retention.keeping_plan import KeepingPlan
from collector.retention.selection import is_alert_held, list_expiring_types, split_held_files
from collector.store import (
    alert_expiry,
    directory_entries,
    file_expiry,
    ledger_folding,
    prune_runs,
    rule_memory,
)
from collector.store.alert_expiry import ExpiredAlert
from collector.store.chunks import split_chunks
from collector.store.database import Database
from collector.store.holds import Hold, list_holds
from collector.store.ledger_folding import FoldableBatch
from collector.store.prune_runs import PruneRun

PRUNE_INTERVAL = timedelta(days=1)

FILES_AT_ONCE = 100
ALERTS_AT_ONCE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruner:
    """Prunes one state directory. What another process or thread does there meanwhile is safe.

    `read_plan` says what is kept as the rules are then.
    """

    database: Database
    paths: StatePaths
    read_plan: Callable[[], KeepingPlan]
    stop_event: threading.Event = field(default_factory=threading.Event)

    def prune_when_due(self, now: datetime) -> PruneRun | None:
        """Prune, once a day and by a clock that is right.

        Returns what was pruned; None where nothing was due.

        Raises:
            StoppedError: we were asked to end; the next pruning goes on.
        """
        with self.database.read() as connection:
            last = prune_runs.read_prune_run(connection)
            doubt = explain_clock_doubt(connection, now=now)
        if last is not None and last.finished <= now < last.finished + PRUNE_INTERVAL:
            return None
        if doubt:
            log.warning("prune_postponed", reason=doubt)
            return None
        return self.prune(now)

    def prune(self, now: datetime) -> PruneRun:
        """Prune all that is older than it is kept at `now`.

        Raises:
            StoppedError: we were asked to end; the next pruning goes on.
            CollectorError: the archive is not there.
        """
        require_archive(self.database, self.paths.archive)
        plan = self.read_plan()
        for warning in plan.list_warnings():
            log.warning("kept_too_short", reason=warning)
        files = self._prune_files(plan, now)
        set_aside = self._prune_set_aside(plan, now)
        alerts = self._prune_alerts(plan, now)
        memories = self._prune_memories(plan, now) + self._prune_directory(plan, now)
        batches = self._fold_ledger(now)
        run = PruneRun(
            finished=now,
            files=files.files,
            rows=files.rows,
            bytes=files.bytes,
            held_files=files.held,
            alerts=alerts,
            batches=batches,
        )
        with self.database.begin() as connection:
            prune_runs.save_prune_run(connection, run)
        log.info(
            "pruned",
            files=run.files,
            events=run.rows,
            bytes=run.bytes,
            held_files=run.held_files,
            alerts=alerts,
            batches=batches,
            memories=memories,
            set_aside=set_aside,
        )
        return run

    # ---- events

    def _prune_files(self, plan: KeepingPlan, now: datetime) -> _FileCount:
        with self.database.read() as connection:
            expiring = list(list_expiring_types(connection, plan, list_holds(connection), now=now))
            lost = list(_list_lost_files(connection, plan, now))
        count = _FileCount()
        for each in expiring:
            count.held += each.held_count
            for chunk in split_chunks(each.files, FILES_AT_ONCE):
                self._expire_files(chunk, count, now)
        for chunk in split_chunks(lost, FILES_AT_ONCE):
            with self._begin() as (connection, holds):
                free, _ = split_held_files(chunk, holds)
                file_expiry.forget_lost_files(connection, free)
        return count

    def _expire_files(self, files: Sequence[ArchiveFile], count: _FileCount, now: datetime) -> None:
        with self._begin() as (connection, holds):
            # Somebody may have placed a hold since.
            free, _ = split_held_files(files, holds)
            expired = file_expiry.expire_files(connection, free, now=now)
        count.held += len(files) - len(free)
        count.add_files(expired)

    def _prune_set_aside(self, plan: KeepingPlan, now: datetime) -> int:
        """Delete old files that were set aside; how many files and quarantined batches it were."""
        self._raise_if_stopped()
        with self.database.read() as connection:
            holds = list_holds(connection)

        def may_go(org: str, event_type: str, day: str) -> bool:
            return day < plan.find_first_day(event_type, now) and not _is_day_held(
                holds, org, event_type, day
            )

        strays = set_aside_files.list_old_stray_folders(self.paths.strays, now)
        return set_aside_files.delete_old_quarantine(self.paths.quarantine, may_go) + sum(
            set_aside_files.delete_old_event_files(root, may_go)
            for root in (self.paths.damaged_files, *strays)
        )

    # ---- alerts

    def _prune_alerts(self, plan: KeepingPlan, now: datetime) -> int:
        cutoff = plan.find_alert_cutoff(now)
        count, last = 0, None
        while page := self._read_expired_alerts(cutoff, last):
            count += self._delete_alerts(page)
            last = page[-1]
        with self._begin() as (connection, _):
            alert_expiry.delete_empty_digests(connection, cutoff=cutoff)
        return count

    def _read_expired_alerts(
        self, cutoff: datetime, last: ExpiredAlert | None
    ) -> list[ExpiredAlert]:
        with self.database.read() as connection:
            return alert_expiry.list_expired_alerts(
                connection, cutoff=cutoff, limit=ALERTS_AT_ONCE, after=last
            )

    def _delete_alerts(self, alerts: Sequence[ExpiredAlert]) -> int:
        """Delete those that no hold keeps; how many it were."""
        with self.database.read() as connection:
            holds = list_holds(connection)
            ids = [alert.id for alert in alerts if not is_alert_held(alert, holds)]
            large = alert_expiry.list_large_alerts(connection, ids)
        for alert_id in large:
            while self._trim_matches(alert_id):
                pass
        with self._begin() as (connection, holds):
            ids = [
                alert.id for alert in alerts if alert.id in ids and not is_alert_held(alert, holds)
            ]
            alert_expiry.delete_alerts(connection, ids)
        return len(ids)

    def _trim_matches(self, alert_id: str) -> bool:
        with self._begin() as (connection, _):
            return alert_expiry.trim_matches(connection, alert_id)

    # ---- what rules remember, and the ledger

    def _prune_memories(self, plan: KeepingPlan, now: datetime) -> int:
        with self.database.read() as connection:
            rules = rule_memory.list_remembering_rules(connection)
        count = 0
        for rule in rules:
            with self._begin() as (connection, _):
                count += rule_memory.expire_rule_memory(
                    connection, rule, before=plan.find_memory_cutoff(rule, now)
                )
        return count

    def _prune_directory(self, plan: KeepingPlan, now: datetime) -> int:
        with self._begin() as (connection, _):
            cutoff = now - plan.settings.longest_time - timedelta(days=1)
            return directory_entries.expire_versions(connection, before=cutoff)

    def _fold_ledger(self, now: datetime) -> int:
        kept_keys = set_aside_files.list_quarantined_keys(self.paths.quarantine)
        with self.database.read() as connection:
            streams = ledger_folding.list_streams(connection)
        return sum(self._fold_stream(stream, kept_keys, now) for stream in streams)

    def _fold_stream(self, stream: Stream, kept_keys: Collection[str], now: datetime) -> int:
        """Fold the old batches of a stream; how many it were. Quarantined ones may be kept."""
        count, last = 0, None
        while page := self._read_foldable_batches(stream, last, now):
            keys = [
                batch.key
                for batch in page
                if batch.state != BatchState.QUARANTINED or batch.key not in kept_keys
            ]
            for chunk in split_chunks(keys):
                with self._begin() as (connection, holds):
                    count += ledger_folding.fold_batches(connection, chunk, holds=holds, now=now)
            last = page[-1]
        return count

    def _read_foldable_batches(
        self, stream: Stream, last: FoldableBatch | None, now: datetime
    ) -> list[FoldableBatch]:
        self._raise_if_stopped()
        with self.database.read() as connection:
            return ledger_folding.list_foldable_batches(connection, stream, now=now, after=last)

    # ---- transactions

    @contextmanager
    def _begin(self) -> Iterator[tuple[sa.Connection, list[Hold]]]:
        """A transaction, and the holds that there are in it."""
        self._raise_if_stopped()
        with self.database.begin() as connection:
            yield connection, list_holds(connection)

    def _raise_if_stopped(self) -> None:
        if self.stop_event.is_set():
            raise StoppedError("asked to end while pruning")


@dataclass(slots=True, kw_only=True)
class _FileCount:
    """What was pruned of the archive, and how many files a hold kept."""

    files: int = 0
    rows: int = 0
    bytes: int = 0
    held: int = 0

    def add_files(self, files: Sequence[ArchiveFile]) -> None:
        self.files += len(files)
        self.rows += sum(file.rows for file in files)
        self.bytes += sum(file.bytes for file in files)


def _list_lost_files(
    connection: sa.Connection, plan: KeepingPlan, now: datetime
) -> Iterator[ArchiveFile]:
    for org, event_type in file_expiry.list_archived_types(connection):
        yield from file_expiry.list_lost_files_before(
            connection, org=org, event_type=event_type, date=plan.find_first_day(event_type, now)
        )


def _is_day_held(holds: Sequence[Hold], org: str, event_type: str, day: str) -> bool:
    try:
        first = datetime.combine(datetime.fromisoformat(day), time(), UTC)
    except ValueError:
        return True
    last = first + timedelta(days=1)
    return any(hold.scope.covers(org, event_type, first, last) for hold in holds)
