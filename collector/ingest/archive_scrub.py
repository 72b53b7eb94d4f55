"""Reads the whole archive once in a period, a slice each hour: what is never read rots unseen."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from collector import clock
from collector.ingest.archive_verification import record_verdicts, verify_committed_file
from collector.ingest.ingest_context import IngestContext
from collector.logs import log
from collector.model import ArchiveFile
from collector.store import file_verification, scrub_progress
from collector.store.scrub_progress import ScrubProgress

SLICE_INTERVAL = timedelta(hours=1)
MAX_CATCH_UP = timedelta(days=1)
"""What was missed while nobody ran is not read at once."""

BYTES_PER_SECOND = 32 << 20
"""After each file it waits until it has been no faster, so that the disk is there for others."""

_FILES_AT_ONCE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveScrubber:
    """Reads every committed file once in a `period`, in the order of their paths; never if zero."""

    context: IngestContext
    period: timedelta

    def scrub_slice(self) -> None:
        """Read the next slice, if it is time for one; report what is altered.

        Raises:
            StoppedError: we were asked to end. What was read before counts.
        """
        now = clock.now()
        progress = self._read_progress(now)
        if not self.period or now - progress.reached < SLICE_INTERVAL:
            return
        self.context.guard.require_archive()
        with self.context.database.read() as connection:
            total = file_verification.measure_files(connection)
        if not total:
            return
        while progress.reached < now:
            files = self._list_next_files(
                progress, total * ((now - progress.reached) / self.period)
            )
            read_files = list(self._scrub_files(files))
            read_share = sum(file.bytes for file in read_files) / total
            if read_files or not files:
                progress = _advance_progress(progress, read_files, self.period * read_share, now)
                with self.context.database.begin() as connection:
                    scrub_progress.save_scrub_progress(connection, progress)
            self.context.raise_if_stopped()

    def _read_progress(self, now: datetime) -> ScrubProgress:
        with self.context.database.read() as connection:
            progress = scrub_progress.read_scrub_progress(connection)
        if progress is None:
            return ScrubProgress(path="", reached=now - SLICE_INTERVAL, began=now)
        # A clock that went back, or a wrong one, is not waited for longer than a whole round.
        reached = min(max(progress.reached, now - MAX_CATCH_UP), now + self.period)
        return replace(progress, reached=reached)

    def _list_next_files(self, progress: ScrubProgress, budget: float) -> list[ArchiveFile]:
        """The next files, up to the one with which so many bytes are read."""
        with self.context.database.read() as connection:
            files = file_verification.list_next_files(
                connection, after=progress.path, limit=_FILES_AT_ONCE
            )
        before = itertools.accumulate((file.bytes for file in files), initial=0)
        return [file for file, spent in zip(files, before, strict=False) if spent < budget]

    def _scrub_files(self, files: list[ArchiveFile]) -> Iterator[ArchiveFile]:
        """Read these, until we are asked to end. Yields each that was read."""
        for file in files:
            if self.context.stop_event.is_set():
                return
            self._scrub_file(file)
            yield file

    def _scrub_file(self, file: ArchiveFile) -> None:
        context = self.context
        verdict = verify_committed_file(
            context.database, context.paths.archive, context.cursors.open_cursor, file
        )
        if verdict is not None:
            record_verdicts(context.database, [verdict])
        if verdict is not None and verdict.reason:
            log.error("file_altered", path=file.path, reason=verdict.reason)
        clock.wait(file.bytes / BYTES_PER_SECOND, context.stop_event)


def _advance_progress(
    progress: ScrubProgress, files: list[ArchiveFile], time_read: timedelta, now: datetime
) -> ScrubProgress:
    """How far it is after these files, which will do for a time; none of them ends a round."""
    if files:
        return replace(progress, path=files[-1].path, reached=progress.reached + time_read)
    log.info("archive_scrubbed", since=progress.began.isoformat())
    return replace(progress, path="", reached=now, began=now, finished=now)
