"""The snapshots of its state that a daemon keeps."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path

from collector import clock
from collector.backup import state_copies
from collector.backup.state_copies import StateCopy
from collector.disk_space import measure_disk_space
from collector.errors import DamagedStateError, DiskFullError, StateDatabaseError
from collector.ingest.state_paths import StatePaths
from collector.logs import log
from collector.settings import Settings
from collector.store.database import DATABASE_FILE_NAME

_Signature = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotPlan:
    """How often a snapshot is taken, and which stay: the newest, and the last of each day."""

    every: timedelta
    keep: int
    days: int


def find_snapshot_folder(settings: Settings) -> Path:
    """Where the snapshots of a configuration are."""
    return settings.backup.dir or StatePaths(state_dir=settings.state_dir).snapshots


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotFailure:
    """Why the last snapshot could not be taken, and since when none can."""

    reason: str
    since: datetime
    is_damage: bool


@dataclass(slots=True, kw_only=True)
class SnapshotKeeper:
    """Takes snapshots of the state of a directory, for whoever holds its lock.

    `failure` is that of the last attempt; None where it went well, or the disk had no room.
    """

    state_dir: Path
    folder: Path
    plan: SnapshotPlan
    disk_reserve_bytes: int
    stop_event: threading.Event
    read_clock: Callable[[], datetime] = clock.now
    failure: SnapshotFailure | None = None
    _next_attempt: datetime = field(default=clock.EPOCH)
    _last_signature: _Signature = ()

    def keep_snapshots(self) -> StateCopy | None:
        """Take a snapshot if one is due, and delete those that nobody needs any more.

        None is due where nothing was changed since the last one. Returns the new one.

        Raises:
            DamagedStateError: the state is damaged; the snapshots that there are stay.
            DiskFullError: there is no room for it.
            StateDatabaseError: the state cannot be read.
            StoppedError: we were asked to end.
        """
        now = self.read_clock()
        if now < self._next_attempt:
            return None
        copies = state_copies.list_copies(self.folder)
        due = max((copy.manifest.taken + self.plan.every for copy in copies), default=now)
        if now < due <= now + self.plan.every:
            self._next_attempt = due
            return None
        signature = self._compute_signature()
        if copies and signature == self._last_signature:
            return None
        self._next_attempt = now + self.plan.every
        self._require_room()
        snapshot = self._try_snapshot(now)
        self._last_signature = signature
        for outdated in choose_outdated([snapshot, *copies], self.plan):
            state_copies.remove_copy(outdated)
        log.info("snapshot_taken", name=snapshot.name, bytes=snapshot.manifest.bytes)
        return snapshot

    def _try_snapshot(self, now: datetime) -> StateCopy:
        try:
            snapshot = self._take_snapshot(now)
        except (StateDatabaseError, OSError) as error:
            self.failure = SnapshotFailure(
                reason=str(error),
                since=self.failure.since if self.failure else now,
                is_damage=isinstance(error, DamagedStateError),
            )
            raise
        self.failure = None
        return snapshot

    def _take_snapshot(self, now: datetime) -> StateCopy:
        state_copies.remove_leftovers(self.folder)
        source = self.state_dir / DATABASE_FILE_NAME
        with state_copies.build_copy_folder(self.folder, now) as folder:
            manifest = state_copies.write_state(
                folder.part, source, now=now, stop_event=self.stop_event
            )
        return StateCopy(folder=folder.target, manifest=manifest)

    def _require_room(self) -> None:
        """Raise DiskFullError where the reserve, or what warns of it, would be touched."""
        size = (self.state_dir / DATABASE_FILE_NAME).stat().st_size
        space = measure_disk_space(self.folder, self.disk_reserve_bytes)
        if replace(space, free_bytes=space.free_bytes - size).is_low:
            raise DiskFullError(f"{space}: no snapshot of the state is taken until there is room")

    def _compute_signature(self) -> _Signature:
        """What changes with every transaction: times and sizes of the database and its log."""
        paths = (self.state_dir / f"{DATABASE_FILE_NAME}{suffix}" for suffix in ("", "-wal"))
        statuses = (path.stat() for path in paths if path.exists())
        return tuple((status.st_mtime_ns, status.st_size) for status in statuses)


def build_snapshot_keeper(settings: Settings, stop_event: threading.Event) -> SnapshotKeeper | None:
    """The keeper of a configuration; None for a database on a server, which has its own backups."""
    if settings.database_url is not None:
        return None
    plan = settings.backup
    return SnapshotKeeper(
        state_dir=settings.state_dir,
        folder=find_snapshot_folder(settings),
        plan=SnapshotPlan(every=plan.every, keep=plan.keep, days=plan.days),
        disk_reserve_bytes=settings.disk_reserve,
        stop_event=stop_event,
    )


def choose_outdated(copies: Iterable[StateCopy], plan: SnapshotPlan) -> list[StateCopy]:
    """The copies, of these from the newest on, that are neither among the newest nor of a day."""
    ordered = list(copies)
    last_of_day: dict[date, StateCopy] = {}
    for copy in ordered:
        last_of_day.setdefault(copy.manifest.taken.date(), copy)
    kept = {copy.name for copy in (*ordered[: plan.keep], *list(last_of_day.values())[: plan.days])}
    return [copy for copy in ordered if copy.name not in kept]
