"""A backup: copies of the state side by side, and one of the archive that they share."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from collector import clock
from collector.archive.archive_copy import ArchiveCopy, CopiedArchive, CopiedFile
from collector.archive.store import ArchiveStore
from collector.backup import file_lists, state_copies
from collector.backup.manifest import ArchiveRecord, Manifest, write_manifest
from collector.backup.state_copies import StateCopy
from collector.disk_space import measure_disk_space
from collector.errors import BackupError, DiskFullError, StateBusyError
from collector.ingest.state_paths import StatePaths
from collector.model import ArchiveFile
from collector.store import ledger
from collector.store.database import (
    DATABASE_FILE_NAME,
    Database,
    open_database_for_reading,
)
from collector.store.state_lock import hold_state_lock

STATES_FOLDER = "states"
ARCHIVE_FOLDER = "archive"
_TOKENS_LEFT_OUT = (
    "tokens: logins are kept nowhere but in state_dir/tokens. Where an org rotates refresh tokens,"
    " the one of the configuration may be used up after a restore: then authorize the app again"
)
LEFT_OUT = (_TOKENS_LEFT_OUT, "spool: what was being fetched is fetched again")
"""What no backup holds, in words."""
RETAKE_LIMIT = 3
"""How often the state is copied at most because its archive was changed meanwhile."""


class ArchiveMode(StrEnum):
    """What a backup takes of the archive: its files, or nothing but where they are."""

    COPY = "copy"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupReport:
    """What a backup has now.

    Attributes:
        new_files: how many files of the archive were not in it before.
        removed_states: the names of older ones that are not kept any more.
    """

    state: StateCopy
    new_files: int
    removed_states: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupFolder:
    """A folder of backups of one state directory."""

    root: Path

    @property
    def states(self) -> Path:
        """The copies of the state."""
        return self.root / STATES_FOLDER

    @property
    def archive(self) -> ArchiveCopy:
        """The files of the archive."""
        return ArchiveCopy(root=self.root / ARCHIVE_FOLDER)


@dataclass(slots=True, kw_only=True)
class BackupRun:
    """Makes one backup of a state directory that others work on.

    `report_progress` is given the share of the work, 0 to 1, that was done since the last call.
    """

    paths: StatePaths
    folder: BackupFolder
    mode: ArchiveMode
    keep: int | None
    disk_reserve_bytes: int
    report_progress: Callable[[float], object]
    _copied: CopiedArchive = field(default_factory=CopiedArchive)

    def make_backup(self) -> BackupReport:
        """Copy the state, then the files that it names, and delete what is not kept.

        Raises:
            BackupError: the folder cannot take it, or there is no state.
            DamagedStateError: the state is damaged; nothing was changed.
            DiskFullError: there is no room for it.
            OSError: the folder cannot be written.
        """
        self._require_place()
        self._require_room()
        self.folder.states.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            with hold_state_lock(self.folder.root):
                return self._write_backup()
        except StateBusyError:
            raise BackupError(f"another backup is being written to {self.folder.root}") from None

    def _require_place(self) -> None:
        if not (self.paths.state_dir / DATABASE_FILE_NAME).exists():
            raise BackupError(
                f"there is no state to back up in {self.paths.state_dir}: `collector run` makes it"
            )
        root = self.folder.root.resolve()
        if root.is_relative_to(Path(self.paths.archive.place).resolve()):
            raise BackupError(f"{root} is in the archive: name a folder elsewhere")
        if root == self.paths.state_dir.resolve():
            raise BackupError(f"{root} is the state directory: name a folder elsewhere")

    def _require_room(self) -> None:
        """Raise DiskFullError where the copy of the state would take what collecting needs."""
        space = measure_disk_space(self.folder.root, self.disk_reserve_bytes)
        present = next(
            path for path in (self.folder.root, *self.folder.root.parents) if path.exists()
        )
        is_elsewhere = present.stat().st_dev != self.paths.state_dir.stat().st_dev
        size = (self.paths.state_dir / DATABASE_FILE_NAME).stat().st_size
        reserve = 0 if is_elsewhere else self.disk_reserve_bytes
        if space.free_bytes - size < reserve:
            raise DiskFullError(f"{space}: no backup is written until there is room")

    def _write_backup(self) -> BackupReport:
        state_copies.remove_leftovers(self.folder.states)
        earlier = state_copies.list_copies(self.folder.states)
        now = clock.now()
        with state_copies.build_copy_folder(self.folder.states, now) as folder:
            manifest = self._copy_consistently(folder.part, earlier)
            file_lists.write_file_list(folder.part, self._copied.files)
            _copy_side_files(self.paths, folder.part)
            write_manifest(folder.part, manifest)
        state = StateCopy(folder=folder.target, manifest=manifest)
        return BackupReport(
            state=state,
            new_files=self._copied.new_count,
            removed_states=self._remove_older([state, *earlier]),
        )

    def _copy_consistently(self, part: Path, earlier: list[StateCopy]) -> Manifest:
        """Copy state and archive; again where what the state names was replaced meanwhile."""
        known = (file_lists.read_file_list(earlier[0].folder) if earlier else None) or {}
        new_count = 0
        for _ in range(RETAKE_LIMIT):
            manifest = self._copy_once(part, known)
            new_count += self._copied.new_count
            if not self._is_superseded():
                break
        self._copied = replace(self._copied, new_count=new_count)
        return replace(manifest, archive=self._describe_archive(), left_out=LEFT_OUT)

    def _copy_once(self, part: Path, known: Mapping[str, CopiedFile]) -> Manifest:
        (part / DATABASE_FILE_NAME).unlink(missing_ok=True)
        source = self.paths.state_dir / DATABASE_FILE_NAME
        manifest = state_copies.write_state(
            part, source, now=clock.now(), stop_event=threading.Event()
        )
        if self.mode is ArchiveMode.COPY:
            files = _list_files(open_database_for_reading(part))
            self.folder.archive.claim_ledger(manifest.ledger)
            self._copied = self.folder.archive.add_files(
                self.paths.archive,
                files,
                known_files=known,
                report_file=lambda: self.report_progress(1 / len(files)),
            )
        return manifest

    def _is_superseded(self) -> bool:
        """Whether the present ledger does not name what was gone: it was replaced, or deleted."""
        if not self._copied.missing:
            return False
        present = {
            file.path for file in _list_files(open_database_for_reading(self.paths.state_dir))
        }
        return any(file.path not in present for file in self._copied.missing)

    def _describe_archive(self) -> ArchiveRecord:
        copied = self._copied
        return ArchiveRecord(
            mode=self.mode.value,
            place=self.paths.archive.place,
            files=len(copied.files),
            bytes=sum(file.bytes for file in copied.files),
            missing=tuple(file.path for file in copied.missing),
        )

    def _remove_older(self, states: list[StateCopy]) -> tuple[str, ...]:
        """Remove the states beyond those that are kept, and the files that none of these names."""
        if self.keep is None:
            return ()
        complete = [state for state in states if state.manifest.is_complete]
        oldest = complete[self.keep - 1] if len(complete) >= self.keep else None
        if oldest is None:
            return ()
        outdated = states[states.index(oldest) + 1 :]
        for state in outdated:
            state_copies.remove_copy(state)
        if outdated:
            self._remove_unlisted([state for state in states if state not in outdated])
        return tuple(state.name for state in outdated)

    def _remove_unlisted(self, kept: list[StateCopy]) -> None:
        """Remove the files that no state names; none where one does not tell what it names."""
        listed: set[str] = set()
        for state in kept:
            files = file_lists.read_file_list(state.folder)
            if files is None:
                return
            listed.update(files)
        self.folder.archive.remove_unlisted(listed)


def copy_archive_alone(
    archive: ArchiveStore,
    files: list[ArchiveFile],
    ledger_id: str,
    folder: BackupFolder,
    report_progress: Callable[[float], object],
) -> CopiedArchive:
    """Copy the archive of a state that lies on a server.

    Raises:
        BackupError: the folder holds another one.
        OSError: the folder cannot be written.
    """
    folder.archive.claim_ledger(ledger_id)
    return folder.archive.add_files(
        archive,
        files,
        known_files={},
        report_file=lambda: report_progress(1 / len(files)),
    )


def _list_files(database: Database) -> list[ArchiveFile]:
    try:
        with database.read() as connection:
            return ledger.list_archive_files(connection)
    finally:
        database.close()


def _copy_side_files(paths: StatePaths, target: Path) -> None:
    """Copy what was told and what could not be read; the daemon may be changing either."""
    for journal in paths.state_dir.glob(f"{paths.delivery_journal.stem}*.jsonl"):
        shutil.copyfile(journal, target / journal.name)
        (target / journal.name).chmod(0o600)
    for path in sorted(paths.quarantine.rglob("*")):
        copy = target / paths.quarantine.name / path.relative_to(paths.quarantine)
        copy.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if path.is_file():
            try:
                shutil.copy2(path, copy)
            except FileNotFoundError:  # it was read at last
                continue
