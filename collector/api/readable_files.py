"""The committed files that can be read: those that are damaged are left out, and named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa

from collector import engine
from collector.archive.store import ArchiveStore
from collector.logs import log
from collector.model import ArchiveFile, DamageState
from collector.store import archive_file_rows, damaged_files, reported_damage
from collector.store.damaged_files import DamagedFile


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableFile:
    """A file of the archive that cannot be read.

    `state` is `new` before the daemon has come upon it, then `waiting` for its events to be fetched
    again, or `lost`.
    """

    org: str
    event_type: str
    path: str
    rows: int
    state: str
    reason: str


def select_present_files(archive: ArchiveStore, files: Iterable[ArchiveFile]) -> list[ArchiveFile]:
    """Those that are there as they were committed; the others are logged."""
    return _select_files(files, archive.describe_absence)


def select_sound_files(archive: ArchiveStore, files: Iterable[ArchiveFile]) -> list[ArchiveFile]:
    """Those whose every value can be read; the others are logged. It reads all of them."""
    with engine.open_engine() as connection:
        return _select_files(files, lambda file: archive.describe_damage(connection, file))


def list_unreadable_files(state: sa.Connection, archive: ArchiveStore) -> Iterator[UnreadableFile]:
    """The files that are set aside, then those that are not there, or were reported as altered."""
    # A compacted one is there once for each batch that it has events of.
    rows: Counter[str] = Counter()
    by_path: dict[str, DamagedFile] = {}
    for damaged in damaged_files.list_damaged_files(state):
        rows[damaged.file.path] += damaged.file.rows
        first = by_path.setdefault(damaged.file.path, damaged)
        if first.state == DamageState.LOST:
            by_path[damaged.file.path] = damaged
    for path, damaged in by_path.items():
        file = replace(damaged.file, rows=rows[path])
        yield _build_unreadable(file, damaged.state, damaged.reason)
    reports = reported_damage.list_reports(state)
    absent_paths = archive.find_absent_paths(archive_file_rows.iterate_file_sizes(state))
    for file in archive_file_rows.read_files(state, sorted({*absent_paths, *reports})):
        reason = archive.describe_absence(file) or reports.get(file.path)
        if reason is not None:
            yield _build_unreadable(file, "new", reason)


def _select_files(
    files: Iterable[ArchiveFile], describe: Callable[[ArchiveFile], str | None]
) -> list[ArchiveFile]:
    reasons = [(file, describe(file)) for file in files]
    _log_omissions([(file, reason) for file, reason in reasons if reason is not None])
    return [file for file, reason in reasons if reason is None]


def _log_omissions(omissions: Sequence[tuple[ArchiveFile, str]]) -> None:
    if omissions:
        file, reason = omissions[0]
        log.warning("files_left_out", files=len(omissions), first=file.path, reason=reason)


def _build_unreadable(file: ArchiveFile, state: str, reason: str) -> UnreadableFile:
    return UnreadableFile(
        org=file.org,
        event_type=file.event_type,
        path=file.path,
        rows=file.rows,
        state=state,
        reason=reason,
    )
