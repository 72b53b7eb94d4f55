"""Backups of a configuration's state and archive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from urllib.parse import unquote, urlsplit

from collector.api.json_values import JsonObject, to_json_object
from collector.api.state_view import open_state_view
from collector.backup import backups
from collector.backup.advice import advise_on_damage
from collector.backup.backups import ArchiveMode, BackupFolder, BackupReport, BackupRun
from collector.errors import BackupError
from collector.ingest.state_paths import StatePaths
from collector.settings import Settings
from collector.store import ledger, ledger_identity


def back_up_state(
    settings: Settings,
    place: str,
    *,
    mode: ArchiveMode,
    keep: int | None,
    report_progress: Callable[[float], object],
) -> BackupReport:
    """Back up the state of a configuration, and its archive, while others work on them.

    `place` is a folder, or its file:// URL; `keep` how many backups of the state stay, None for
    all. `report_progress` is given the share of the work, 0 to 1, that was done since the last
    call.

    Raises:
        BackupError: the place cannot take it, there is no state, or it lies on a server: then the
            archive was copied.
        DamagedStateError: the state is damaged; the message says what to do.
        DiskFullError: there is no room for it.
        OSError: the folder cannot be written.
    """
    folder = BackupFolder(root=parse_place(place))
    paths = StatePaths(state_dir=settings.state_dir)
    if settings.database_url is not None:
        raise BackupError(_copy_without_state(settings, paths, folder, mode, report_progress))
    with advise_on_damage(settings):
        return BackupRun(
            paths=paths,
            folder=folder,
            mode=mode,
            keep=keep,
            disk_reserve_bytes=settings.disk_reserve,
            report_progress=report_progress,
        ).make_backup()


def parse_place(place: str) -> Path:
    """The folder that a path or a file:// URL names.

    Raises:
        BackupError: it is another URL.
    """
    url = urlsplit(place)
    if "://" not in place:
        return Path(place).absolute()
    if url.scheme != "file" or url.netloc not in ("", "localhost"):
        raise BackupError(
            f"a backup is written to a folder of this machine, and {place} is none: back up to a"
            " folder, and copy that with `aws s3 sync`, `rclone sync` or `restic`; its files never"
            " change, so that each copy takes only what is new"
        )
    return Path(unquote(url.path))


def _copy_without_state(
    settings: Settings,
    paths: StatePaths,
    folder: BackupFolder,
    mode: ArchiveMode,
    report_progress: Callable[[float], object],
) -> str:
    """Copy the archive of a state that lies on a server; returns what is to be done about that."""
    copied = "nothing was copied"
    if mode is ArchiveMode.COPY:
        with open_state_view(settings) as connection:
            files = ledger.list_archive_files(connection)
            ledger_id = ledger_identity.read_ledger_id(connection) or ""
        result = backups.copy_archive_alone(
            paths.archive, files, ledger_id, folder, report_progress
        )
        copied = f"{len(result.files):,} files of the archive are in {folder.archive.place}"
        if result.missing:
            copied += f", {len(result.missing):,} were not there to be copied"
    return (
        "the state lies on a database server, which is backed up with its own tool, before this"
        f" command: `pg_dump --format=custom --file=state.dump URL`; {copied}"
    )


def to_json(report: BackupReport) -> JsonObject:
    """The report as one object."""
    manifest = report.state.manifest
    return to_json_object(
        {
            "name": report.state.name,
            "folder": str(report.state.folder),
            "complete": manifest.is_complete,
            "new_files": report.new_files,
            "removed": report.removed_states,
            **asdict(manifest),
        }
    )
