"""Keeps damaged files of the archive from standing in the way: they are set aside, and told of."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import duckdb

from collector import clock
from collector.archive.store import ArchiveStore
from collector.engine import open_cursor
from collector.ingest.archive_claim import require_archive
from collector.logs import log
from collector.model import ArchiveFile
from collector.store import damaged_files
from collector.store.database import Database

SOUND_SECONDS = 3600.0
"""Seconds for which a file that was read whole is taken to be sound: rules fail for other reasons,
too, and then the same files would be read again with every batch."""

_Result = TypeVar("_Result")


class FileGuard:
    """Runs what reads committed files; those that cannot be read are no part of it.

    Safe to share between threads: what one thread looks up does not concern the others.
    """

    def __init__(
        self,
        database: Database,
        connection: duckdb.DuckDBPyConnection,
        *,
        archive: ArchiveStore,
        damaged_root: Path,
    ) -> None:
        self._database = database
        self._engine = connection
        self._archive = archive
        self._damaged_root = damaged_root
        self._lookups = threading.local()
        self._sound_until: dict[str, float] = {}

    def note_files(self, files: Iterable[ArchiveFile]) -> None:
        """Note which files this thread is about to read.

        Raises duckdb.IOException where one is a pipe or a device: the engine would wait for it.
        """
        noted = {file.path: file for file in files}
        self._get_noted().update(noted)
        for file in noted.values():
            if self._archive.is_special(file):
                raise duckdb.IOException(f"{file.path} is no file")

    def read(self, work: Callable[[], _Result]) -> _Result:
        """The result of work that looks files up and reads them.

        Where it fails and some of them are damaged, they are set aside and it is run again.

        Raises what the work raises over anything else, CollectorError where the whole archive is
        gone.
        """
        self._get_noted().clear()
        while True:
            try:
                return work()
            except duckdb.InterruptException:
                raise
            except duckdb.Error:
                if not self._set_damaged_aside():
                    raise

    def evaluate(
        self, work: Callable[[], _Result], take_failures: Callable[[], Mapping[str, str]]
    ) -> tuple[_Result, Mapping[str, str]]:
        """The same for work that notes the failures of rules by itself, and these failures."""
        while True:
            result = self.read(work)
            failures = take_failures()
            if not failures or not self._set_damaged_aside():
                return result, failures

    def select_sound_files(self, files: Iterable[ArchiveFile]) -> tuple[ArchiveFile, ...]:
        """Those of the files that can be read; the others are set aside.

        Raises CollectorError where the whole archive is gone.
        """
        by_path = {file.path: file for file in files}
        now = clock.now()
        self._set_files_aside(by_path, self._find_absences(by_path.values()), now)
        self._set_files_aside(by_path, self._find_damages(by_path.values()), now)
        return tuple(by_path.values())

    def select_unaltered_files(self, files: Iterable[ArchiveFile]) -> tuple[ArchiveFile, ...]:
        """Those of the files whose bytes are what was committed; the others are set aside.

        Raises CollectorError where the whole archive is gone.
        """
        by_path = {file.path: file for file in files}
        alterations = {
            path: self._archive.describe_alteration(file) for path, file in by_path.items()
        }
        reasons = {path: reason for path, reason in alterations.items() if reason is not None}
        self._set_files_aside(by_path, reasons, clock.now())
        return tuple(by_path.values())

    def check_files(self, files: Iterable[ArchiveFile]) -> tuple[ArchiveFile, ...]:
        """`select_sound_files`, whatever earlier looks have found."""
        checked = tuple(files)
        for file in checked:
            self._sound_until.pop(file.path, None)
        return self.select_sound_files(checked)

    def require_archive(self) -> None:
        """Raise CollectorError where the archive is gone: what is written would be in another."""
        require_archive(self._database, self._archive)

    def set_absent_aside(self, files: Iterable[ArchiveFile], now: datetime) -> None:
        """Set those of the files aside that are not there as they were committed.

        Raises CollectorError where the whole archive is gone.
        """
        by_path = {file.path: file for file in files}
        self._set_files_aside(by_path, self._find_absences(by_path.values()), now)

    def _get_noted(self) -> dict[str, ArchiveFile]:
        noted: dict[str, ArchiveFile] | None = getattr(self._lookups, "noted", None)
        if noted is None:
            noted = self._lookups.noted = {}
        return noted

    def _set_damaged_aside(self) -> bool:
        """Set the damaged ones of the noted files aside; False where all are sound."""
        noted = self._get_noted()
        damages = self._find_absences(noted.values()) or self._find_damages(noted.values())
        self._set_files_aside(noted, damages, clock.now())
        return bool(damages)

    def _set_files_aside(
        self, files: dict[str, ArchiveFile], reasons: Mapping[str, str], now: datetime
    ) -> None:
        if reasons:
            self.require_archive()
        for path, reason in reasons.items():
            self._set_file_aside(files.pop(path), reason, now)

    def _find_absences(self, files: Iterable[ArchiveFile]) -> dict[str, str]:
        reasons = {file.path: self._archive.describe_absence(file) for file in files}
        return {path: reason for path, reason in reasons.items() if reason is not None}

    def _find_damages(self, files: Iterable[ArchiveFile]) -> dict[str, str]:
        now, damages = clock.monotonic(), dict[str, str]()
        cursor = open_cursor(self._engine)
        try:
            for file in files:
                if self._sound_until.get(file.path, now) > now:
                    continue
                reason = self._archive.describe_damage(cursor, file)
                if reason is None:
                    self._sound_until[file.path] = now + SOUND_SECONDS
                else:
                    damages[file.path] = reason
        finally:
            cursor.close()
        return damages

    def _set_file_aside(self, file: ArchiveFile, reason: str, now: datetime) -> None:
        with self._database.begin() as connection:
            damaged_files.record_damage(connection, file, reason=reason, now=now)
        self._archive.move_file_aside(file, target_root=self._damaged_root)
        log.error("file_set_aside", path=file.path, rows=file.rows, reason=reason)
