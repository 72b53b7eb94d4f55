"""Puts a copy of the state back, and what is missing of the archive with it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from collector.archive.archive_copy import ArchiveCopy, CopiedFile
from collector.backup import file_lists, state_copies
from collector.backup.backups import ARCHIVE_FOLDER, STATES_FOLDER
from collector.backup.state_copies import StateCopy
from collector.errors import BackupError
from collector.ingest.state_paths import StatePaths
from collector.model import ArchiveFile
from collector.store import ledger
from collector.store.database import Database

NEWEST = "latest"


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreSource:
    """A folder of copies of the state; `archive` is where a backup has the files of the archive.

    Snapshots have none: their archive is in place.
    """

    copies: Path
    archive: ArchiveCopy | None

    @classmethod
    def find(cls, folder: Path) -> RestoreSource:
        """The copies in a folder of backups, or of snapshots."""
        if (folder / STATES_FOLDER).is_dir():
            copy = ArchiveCopy(root=folder / ARCHIVE_FOLDER)
            return cls(copies=folder / STATES_FOLDER, archive=copy)
        return cls(copies=folder, archive=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenCopy:
    """The copy that is put back, and by their names why newer ones are not."""

    copy: StateCopy
    refusals: Mapping[str, str] = field(default_factory=dict)


def choose_copy(source: RestoreSource, name: str) -> ChosenCopy:
    """The copy of that name, or the newest good one for `latest`; it was checked.

    Raises:
        BackupError: there is none, or it is not good.
    """
    copies = state_copies.list_copies(source.copies)
    if not copies:
        raise BackupError(f"there is no copy of a state in {source.copies}")
    if name != NEWEST:
        return ChosenCopy(copy=_find_copy(copies, name))
    refusals = state_copies.list_unreadable(source.copies)
    for copy in copies:
        try:
            copy.check_content()
        except BackupError as error:
            refusals[copy.name] = str(error)
        else:
            return ChosenCopy(copy=copy, refusals=refusals)
    raise BackupError("; ".join(["no copy of the state is good", *refusals.values()]))


def _find_copy(copies: Sequence[StateCopy], name: str) -> StateCopy:
    for copy in copies:
        if copy.name == name:
            copy.check_content()
            return copy
    if unreadable := state_copies.list_unreadable(copies[0].folder.parent).get(name):
        raise BackupError(unreadable)
    names = ", ".join(copy.name for copy in copies[:10])
    raise BackupError(f"no copy of the state is called {name}; there are {names}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivePlan:
    """What is to become of the files that the state names.

    Attributes:
        present: how many are there as they were.
        wanted: those that are not, and are in the backup.
        lost: those that are in neither.
    """

    present: int
    wanted: tuple[ArchiveFile, ...]
    lost: tuple[ArchiveFile, ...]


def plan_archive(
    paths: StatePaths, source: RestoreSource, files: Sequence[ArchiveFile]
) -> ArchivePlan:
    """What is missing of the files, and whether the backup has it; nothing is changed."""
    absent = [file for file in files if paths.archive.measure_file(file) != file.bytes]
    copies = source.archive
    wanted = [file for file in absent if copies is not None and copies.holds_file(file)]
    wanted_paths = {file.path for file in wanted}
    return ArchivePlan(
        present=len(files) - len(absent),
        wanted=tuple(wanted),
        lost=tuple(file for file in absent if file.path not in wanted_paths),
    )


def check_archive_copies(
    source: RestoreSource, copy: StateCopy, plan: ArchivePlan, report_file: Callable[[], object]
) -> dict[str, str]:
    """Why files that are wanted cannot be put back, by their paths; nothing is changed."""
    if source.archive is None:
        return {}
    copied = file_lists.read_file_list(copy.folder)
    refusals: dict[str, str] = {}
    for file in plan.wanted:
        try:
            reason = source.archive.describe_difference(file, sha256=_find_hash(file, copied))
        except ValueError as error:
            reason = str(error)
        if reason is not None:
            refusals[file.path] = reason
        report_file()
    return refusals


def put_archive_back(
    paths: StatePaths,
    source: RestoreSource,
    copy: StateCopy,
    plan: ArchivePlan,
    report_file: Callable[[], object],
) -> dict[str, str]:
    """Put back what is wanted. What is in its place and not as it was is set aside.

    Returns, by their paths, why files were not put back: they are not what was copied.
    """
    if source.archive is None:
        return {}
    copied = file_lists.read_file_list(copy.folder)
    refusals: dict[str, str] = {}
    for file in plan.wanted:
        paths.archive.move_file_aside(file, target_root=paths.damaged_files)
        try:
            source.archive.put_file_back(paths.archive, file, sha256=_find_hash(file, copied))
        except (ValueError, FileNotFoundError) as error:
            refusals[file.path] = str(error)
        report_file()
    return refusals


def put_side_files_back(paths: StatePaths, copy: StateCopy) -> None:
    """Put back what was told and what could not be read, where nothing newer is there."""
    stem = paths.delivery_journal.stem
    if not any(paths.state_dir.glob(f"{stem}*.jsonl")):
        for journal in copy.folder.glob(f"{stem}*.jsonl"):
            _copy_file(journal, paths.state_dir / journal.name)
    root = copy.folder / paths.quarantine.name
    for path in sorted(root.rglob("*")):
        target = paths.quarantine / path.relative_to(root)
        if path.is_file() and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _copy_file(path, target)


def list_named_files(database: Database) -> list[ArchiveFile]:
    """The files that a state names."""
    with database.read() as connection:
        return ledger.list_archive_files(connection)


def _find_hash(file: ArchiveFile, copied: Mapping[str, CopiedFile] | None) -> str:
    """The hash that a file is to have, in hex digits; empty where none was ever taken.

    The ledger has that of what was written; the backup's own list has that of what was copied,
    which may have been damaged by then.

    Raises:
        ValueError: it was in the list alone, and that is damaged.
    """
    if file.sha256:
        return file.sha256
    if copied is None:
        raise ValueError("nobody knows its hash: the backup's list of files is damaged")
    return copied[file.path].sha256 if file.path in copied else ""


def _copy_file(source: Path, target: Path) -> None:
    part = target.with_name(f"{target.name}.part")
    shutil.copyfile(source, part)
    part.chmod(0o600)
    part.replace(target)
