"""Asks an org again for the events of damaged files of the archive, as long as it keeps them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

from collector import clock
from collector.logs import log
from collector.model import (
    Batch,
    Cursor,
    DamageState,
    LogFileFacts,
    Stream,
    UnknownFacts,
    WindowFacts,
)
from collector.sources import FetchFailure, FetchResult, LostBatch, Source, SourceContext
from collector.sources.log_file import KIND as LOG_FILES
from collector.sources.log_file import fetch_file_again
from collector.store import damaged_files, ledger, listed_files, stream_coverage
from collector.store.damaged_files import DamagedFile
from collector.store.database import Database

DAY_MARGIN = timedelta(hours=1)
"""How far around its day the events of a file are asked for of which no more than that is known:
what an org sorts its records by may differ from the time of the event."""

TakeResult = Callable[[FetchResult], int | None]
"""Takes in what was fetched; the number of its events, known ones too, None where that failed."""


class DamageRepair:
    """Repairs the damaged files of one org's streams."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def repair_stream(
        self, context: SourceContext, source: Source, stream: Stream, take_result: TakeResult
    ) -> None:
        """Fetch again what is damaged of a stream, its past included.

        What fails now is tried again by the next poll; what the org keeps no more is lost.

        Raises:
            CollectorError: nothing further can be read now.
        """
        for group in _join_windows(self._list_waiting(stream)):
            self._repair_group(context, source, stream, group, take_result)

    def _repair_group(
        self,
        context: SourceContext,
        source: Source,
        stream: Stream,
        group: Sequence[DamagedFile],
        take_result: TakeResult,
    ) -> None:
        """Ask for neighbouring windows at once; where some events are missing, for fewer."""
        waiting = self._list_waiting(stream)
        if not all(damaged in waiting for damaged in group):
            return  # It was a part of the same log file as one before.
        if self._awaits_listing(stream, group[0]):
            return
        results = _fetch_again(context, source, stream, group)
        rows = [take_result(_place_result(result, group[0])) for result in results]
        counts = [count for count in rows if count is not None]
        if len(counts) < len(rows):
            return
        if len(group) > 1 and sum(counts) < _count_rows(group):
            middle = len(group) // 2
            for part in (group[:middle], group[middle:]):
                self._repair_group(context, source, stream, part, take_result)
            return
        self._settle_damage(group, sum(counts))

    def _list_waiting(self, stream: Stream) -> list[DamagedFile]:
        with self._database.read() as connection:
            waiting = damaged_files.list_damaged_files(
                connection, org=stream.org, state=DamageState.WAITING
            )
        return [damaged for damaged in waiting if _is_of_stream(damaged, stream)]

    def _awaits_listing(self, stream: Stream, damaged: DamagedFile) -> bool:
        """Whether a log file of which only its place is known may still be listed, or fetched."""
        if stream.source != LOG_FILES or not isinstance(damaged.facts, UnknownFacts):
            return False
        with self._database.read() as connection:
            cursor = ledger.read_cursor(connection, stream)
            is_listed = listed_files.is_listed(connection, damaged.batch)
        return is_listed or cursor is None or cursor.time < damaged.since

    def _settle_damage(self, group: Sequence[DamagedFile], rows: int) -> None:
        """Record what came of it. A log file that was written anew has settled it by that."""
        first = group[0]
        log.warning("file_asked_for_again", path=first.file.path, rows=rows)
        waiting = self._list_waiting(stream_coverage.to_live_stream(first.stream))
        if first not in waiting:
            return
        is_replaced = _is_replaced(group, rows)
        with self._database.begin() as connection:
            for damaged in group:
                if is_replaced:
                    damaged_files.mark_replaced(connection, damaged)
                    continue
                reason = f"{damaged.reason}; {_describe_served(damaged, rows)}"
                damaged_files.mark_lost(connection, damaged, reason=reason, now=clock.now())


def _join_windows(waiting: Iterable[DamagedFile]) -> list[list[DamagedFile]]:
    """The damaged files; windows that follow one another in a compacted one are a group."""
    groups: list[list[DamagedFile]] = []
    for damaged in waiting:
        if groups and _is_next_window(groups[-1][-1], damaged):
            groups[-1].append(damaged)
        else:
            groups.append([damaged])
    return groups


def _is_next_window(before: DamagedFile, after: DamagedFile) -> bool:
    if not isinstance(before.facts, WindowFacts) or not isinstance(after.facts, WindowFacts):
        return False
    is_same = (before.file.path, before.stream) == (after.file.path, after.stream)
    # A window begins a little before the one before it has ended, for what comes late.
    return is_same and after.facts.start <= before.facts.until <= after.facts.until


def _count_rows(group: Sequence[DamagedFile]) -> int:
    return sum(damaged.file.rows for damaged in group)


def _is_of_stream(damaged: DamagedFile, stream: Stream) -> bool:
    """Whether a stream is to ask for it: a log file is had by its id, whichever are listed now."""
    own = stream_coverage.to_live_stream(damaged.stream)
    return stream == (replace(own, name=stream.name) if own.source == LOG_FILES else own)


def _is_replaced(group: Sequence[DamagedFile], rows: int) -> bool:
    """Whether so many events, served again, are those of damaged files."""
    match group[0].facts:
        case WindowFacts():
            return rows >= _count_rows(group)
        case UnknownFacts():  # Nor is the number of its events, of a file without a ledger.
            return rows >= max(1, _count_rows(group))
    return False


def _describe_served(damaged: DamagedFile, rows: int) -> str:
    if isinstance(damaged.facts, UnknownFacts) and not damaged.file.rows:
        return f"of its day, {damaged.file.date}, the org has served {rows:,} events again"
    return f"of its {damaged.file.rows:,} events the org has served {rows:,} again"


def _fetch_again(
    context: SourceContext, source: Source, stream: Stream, group: Sequence[DamagedFile]
) -> Iterator[FetchResult]:
    """What the org still has of damaged files; nothing where it is asked in vain."""
    first, last = group[0], group[-1]
    match first.facts, last.facts:
        case LogFileFacts() as facts, _:
            for result in fetch_file_again(context, first.stream, facts):
                # To record its loss would give up the files of the batch that are sound.
                if not isinstance(result, LostBatch):
                    yield result
        case WindowFacts(), WindowFacts(until=until) if source.spec.backfillable:
            start = min(one.facts.start for one in group if isinstance(one.facts, WindowFacts))
            span = replace(context, until=until)
            yield from source.reader.fetch(span, stream, Cursor(time=start))
        case UnknownFacts(), _ if source.spec.windowed:
            until = min(first.file.last_time + DAY_MARGIN, first.since)
            span = replace(context, until=until)
            cursor = Cursor(time=first.file.first_time - DAY_MARGIN)
            yield from source.reader.fetch(span, stream, cursor)


def _place_result(result: FetchResult, damaged: DamagedFile) -> FetchResult:
    """The result as one of the damaged file's stream, which moves no cursor."""
    match result:
        case Batch():
            return replace(result, stream=damaged.stream, cursor=None)
        case LostBatch(batch=batch):
            return replace(result, batch=replace(batch, stream=damaged.stream, cursor=None))
        case FetchFailure():
            return result
