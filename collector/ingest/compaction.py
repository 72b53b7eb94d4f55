"""Makes few large files of many small ones, beside the work: only the swap takes the state's turn.

Whatever dies in between has changed nothing: a file that the ledger does not name is no part of the
archive, and the next run makes the same one again.
"""

from __future__ import annotations

import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import duckdb

from collector import clock, engine
from collector.archive.footers import FileFooter
from collector.archive.member_origins import CompactedOrigin, FileMember, count_by_batch
from collector.disk_space import format_bytes, measure_disk_space
from collector.engine import EngineResources
from collector.errors import CompactionError, StoppedError
from collector.ingest import compaction_plan
from collector.ingest.ingest_context import IngestContext
from collector.ingest.retired_files import delete_retired_files
from collector.logs import log
from collector.model import ArchiveFile, Batch
from collector.sources.spec import Lane
from collector.store import compacted_files
from collector.store.compacted_files import CrowdedDay, CrowdLimits

RECENT_DAYS = timedelta(days=2)
"""Days as near as that are looked at in every run, the others now and then."""

LOOK_BACK_EVERY = timedelta(hours=1)

MIN_FREE_BYTES = 1 << 30

EARLIEST_DATE = "0001-01-01"


@dataclass(frozen=True, slots=True, kw_only=True)
class CompactionResult:
    """What a run has done.

    Attributes:
        merged_files, made_files: how many files became how many.
        events: how many events were written again.
        deleted_files: retired ones whose time was over.
        problems: by type and day, why its files stayed as they are.
    """

    merged_files: int = 0
    made_files: int = 0
    events: int = 0
    deleted_files: int = 0
    problems: tuple[str, ...] = ()


class ArchiveCompactor:
    """Compacts the archive of one pipeline, by one thread at a time.

    The engine that merges is closed after every run: what it cached is gone then.
    """

    def __init__(self, context: IngestContext, resources: EngineResources) -> None:
        self._context = context
        self._resources = resources
        self._turn = threading.Lock()
        self._looked_back = clock.EPOCH
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._is_interrupted = False

    def compact_recent_days(self) -> CompactionResult:
        """Compact the last days, and all others now and then; delete what is retired for long.

        Raises StoppedError where we were asked to end; what was swapped stays.
        """
        now = clock.now()
        since = (now - RECENT_DAYS).date().isoformat()
        if now - self._looked_back >= LOOK_BACK_EVERY:
            since, self._looked_back = EARLIEST_DATE, now
        return self.compact_days(since)

    def compact_days(
        self, since: str = EARLIEST_DATE, *, report_progress: Callable[[float], object] = bool
    ) -> CompactionResult:
        """The same for all days from `since` (YYYY-MM-DD) on.

        `report_progress` is given the share of them, 0 to 1, that was done since the last call.
        """
        with self._turn:
            days = self._list_crowded_days(since)
            result = self._merge_days(days, report_progress) if days else CompactionResult()
            deleted = delete_retired_files(
                self._context.database,
                self._context.paths.archive,
                self._context.batches_at_work,
                now=clock.now(),
            )
            return replace(result, deleted_files=deleted)

    def _merge_days(
        self, days: Sequence[CrowdedDay], report_progress: Callable[[float], object]
    ) -> CompactionResult:
        done: Counter[str] = Counter()
        problems: list[str] = []
        with self._open_engine() as connection:
            for day in days:
                if shortage := self._describe_shortage():  # it is that of every further day, too
                    log.warning("compaction_waits", reason=shortage)
                    problems.append(shortage)
                    break
                try:
                    done.update(_DayCompaction(self._context, connection, day).compact_day())
                except duckdb.InterruptException:
                    raise
                except (CompactionError, duckdb.Error, OSError, ValueError) as error:
                    problems.append(_report_problem(day, error))
                report_progress(1 / len(days))
        return CompactionResult(**done, problems=tuple(problems))

    def _describe_shortage(self) -> str:
        """That the disk is short, in words: for an hour there are both. Empty where it is not."""
        archive = Path(self._context.paths.archive.place)
        space = measure_disk_space(archive, MIN_FREE_BYTES)
        if not space.is_short:
            return ""
        return (
            f"the disk of {archive} has {format_bytes(space.free_bytes)} free:"
            f" below {format_bytes(MIN_FREE_BYTES)} nothing is compacted"
        )

    def interrupt_queries(self) -> None:
        """Cut short what is at work."""
        self._is_interrupted = True
        connection = self._connection
        if connection is not None:
            connection.interrupt()

    def _list_crowded_days(self, since: str) -> list[CrowdedDay]:
        limits = CrowdLimits(
            small_bytes=compaction_plan.SMALL_FILE_BYTES,
            today=clock.now().date().isoformat(),
            files_today=compaction_plan.MAX_SMALL_FILES,
            files_before=compaction_plan.MAX_SETTLED_FILES,
        )
        with self._context.database.read() as connection:
            return compacted_files.list_crowded_days(connection, limits, since=since)

    @contextmanager
    def _open_engine(self) -> Iterator[duckdb.DuckDBPyConnection]:
        spill_directory = self._context.paths.spool / "compaction"
        spill_directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        with closing(engine.open_engine(spill_directory, resources=self._resources)) as connection:
            self._connection = connection
            try:
                if self._is_interrupted:
                    raise StoppedError("asked to end before a merge")
                yield connection
            except duckdb.InterruptException:
                raise StoppedError("stopped in the middle of a merge") from None
            finally:
                self._connection = None
                shutil.rmtree(spill_directory, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class _DayCompaction:
    """Compacts the files of one type and day."""

    context: IngestContext
    connection: duckdb.DuckDBPyConnection
    day: CrowdedDay

    def compact_day(self) -> dict[str, int]:
        """Merge its files until they are few. Returns the numbers of a `CompactionResult`."""
        done: Counter[str] = Counter()
        while True:
            if self.context.stop_event.is_set():
                raise StoppedError("asked to end between two merges")
            self.context.guard.require_archive()
            merged = self.context.guard.read(self._merge_files)
            if not merged:
                return dict(done)
            done.update(
                merged_files=len(merged), made_files=1, events=sum(file.rows for file in merged)
            )

    def _merge_files(self) -> Sequence[ArchiveFile]:
        """Make one file of some, and commit it. Returns these; none where there is nothing to do.

        Nothing, too, where one of them has changed meanwhile: the next run looks again.
        """
        files = self._choose_files()
        self.context.guard.note_files(files)
        files = list(self.context.guard.select_unaltered_files(files))
        if len(files) < 2:
            return ()
        archive = self.context.paths.archive
        files = archive.select_like_typed(self.connection, files)
        files.sort(key=lambda file: (file.first_time, file.path))
        if len(files) < 2:
            return ()
        origin = self._build_origin(files)
        staged = archive.stage_compacted_events(self.connection, files, origin)
        file = archive.publish_compacted_events(staged, files)
        return files if self._swap_files(files, file, origin) else ()

    def _choose_files(self) -> list[ArchiveFile]:
        with self.context.database.read() as connection:
            files = compacted_files.list_settled_files(connection, self.day)
        return compaction_plan.choose_files(
            files, is_over=self.day.date < clock.now().date().isoformat()
        )

    def _build_origin(self, files: Sequence[ArchiveFile]) -> CompactedOrigin:
        """The batches of the files, as their footers tell of them, or else the ledger."""
        footers = self.context.paths.archive.read_footers(self.connection, files)
        batches: dict[str, Batch] = {}
        replaced_hashes = {file.path: file.sha256 for file in files}
        for footer in footers.values():
            if isinstance(footer, Batch):
                batches[footer.key] = footer
                continue
            batches |= {member.batch.key: member.batch for member in footer.members}
            replaced_hashes = {**footer.replaced_hashes, **replaced_hashes}
        with self.context.database.read() as connection:
            members = compacted_files.read_members(connection, [file.path for file in files])
            rows: Counter[str] = Counter()
            for each in members.values():
                rows.update(each)
            rows.update(_count_folded_rows(footers, members))
            batches |= compacted_files.read_batches(connection, rows.keys() - batches.keys())
        return CompactedOrigin(
            members=tuple(
                FileMember(batch=batches[key], rows=count) for key, count in sorted(rows.items())
            ),
            replaced_hashes=replaced_hashes,
        )

    def _swap_files(
        self, files: Sequence[ArchiveFile], file: ArchiveFile, origin: CompactedOrigin
    ) -> bool:
        """Commit a file in place of others. Where these have changed, it is deleted."""
        context = self.context
        with context.state_turns.take_turn(Lane.BULK):
            at_work = any(one.batch.key in context.batches_at_work for one in origin.members)
            with context.database.begin() as connection:
                is_swapped = not at_work and compacted_files.replace_files(
                    connection, files, file, now=clock.now()
                )
            if is_swapped:
                context.swaps.record_swap(files, file)
        if not is_swapped:
            context.paths.archive.delete_file(file)
        return is_swapped


def _count_folded_rows(
    footers: Mapping[str, FileFooter], members: Mapping[str, Mapping[str, int]]
) -> Counter[str]:
    """The events of batches that the ledger only counts: the footers alone name these."""
    rows: Counter[str] = Counter()
    for path, footer in footers.items():
        if isinstance(footer, CompactedOrigin):
            known = members.get(path, {})
            counts = count_by_batch(footer.members)
            rows.update({key: count for key, count in counts.items() if key not in known})
    return rows


def _report_problem(day: CrowdedDay, error: Exception) -> str:
    reason = str(error).split("\n\n", maxsplit=1)[0]
    log.error(
        "compaction_failed",
        org=day.org,
        event_type=day.event_type,
        date=day.date,
        reason=reason,
    )
    return f"{day.org}/{day.event_type} {day.date}: {reason}"
