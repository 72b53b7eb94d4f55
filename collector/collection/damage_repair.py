"""Asks an org again for the events of damaged files of the archive, as long as it keeps them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from collector import clock
from collector.logs import log
from collector.model import Batch, Cursor, DamageState, LogFileFacts, Stream, WindowFacts
from collector.sources import FetchFailure, FetchResult, LostBatch, Source, SourceContext
from collector.sources.log_file import fetch_file_again
from collector.store import damaged_files, stream_coverage
from collector.store.damaged_files import DamagedFile
from collector.store.database import Database

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
        for damaged in self._list_waiting(stream):
            if damaged not in self._list_waiting(stream):
                continue  # It was a part of the same log file as one before.
            results = _fetch_again(context, source, stream, damaged)
            rows = [take_result(_place_result(result, damaged)) for result in results]
            counts = [count for count in rows if count is not None]
            if len(counts) == len(rows):
                self._settle_damage(damaged, sum(counts))

    def _list_waiting(self, stream: Stream) -> list[DamagedFile]:
        with self._database.read() as connection:
            waiting = damaged_files.list_damaged_files(
                connection, org=stream.org, state=DamageState.WAITING
            )
        return [
            damaged
            for damaged in waiting
            if stream_coverage.to_live_stream(damaged.stream) == stream
        ]

    def _settle_damage(self, damaged: DamagedFile, rows: int) -> None:
        """Record what came of it. A log file that was written anew has settled it by that."""
        log.warning("file_asked_for_again", path=damaged.file.path, rows=rows)
        if damaged not in self._list_waiting(stream_coverage.to_live_stream(damaged.stream)):
            return
        with self._database.begin() as connection:
            if isinstance(damaged.facts, WindowFacts) and rows >= damaged.file.rows:
                damaged_files.mark_replaced(connection, damaged)
                return
            reason = (
                f"{damaged.reason}; of its {damaged.file.rows:,} events the org has served"
                f" {rows:,} again"
            )
            damaged_files.mark_lost(connection, damaged, reason=reason, now=clock.now())


def _fetch_again(
    context: SourceContext, source: Source, stream: Stream, damaged: DamagedFile
) -> Iterator[FetchResult]:
    """What the org still has of a damaged file; nothing where it is asked in vain."""
    match damaged.facts:
        case LogFileFacts() as facts:
            for result in fetch_file_again(context, damaged.stream, facts):
                # To record its loss would give up the files of the batch that are sound.
                if not isinstance(result, LostBatch):
                    yield result
        case WindowFacts(start=start, until=until) if source.spec.backfillable:
            span = replace(context, until=until)
            yield from source.reader.fetch(span, stream, Cursor(time=start))


def _place_result(result: FetchResult, damaged: DamagedFile) -> FetchResult:
    """The result as one of the damaged file's stream, which moves no cursor."""
    match result:
        case Batch():
            return replace(result, stream=damaged.stream, cursor=None)
        case LostBatch(batch=batch):
            return replace(result, batch=replace(batch, stream=damaged.stream, cursor=None))
        case FetchFailure():
            return result
