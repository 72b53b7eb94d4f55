"""Reads what was logged before collecting began: the time that no committed window covers yet.

What has been read is in the ledger, so that one that was killed goes on where it ended. Its cursor,
windows and files are those of a stream of its own, `ApiEvent#backfill`.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from collector import clock
from collector.collection.api_budget import ApiBudget
from collector.collection.api_budget_policy import Pace
from collector.collection.disk_watch import DiskWatch
from collector.collection.page_budget import PageBudget
from collector.disk_space import DEFAULT_RESERVE_BYTES, is_disk_full
from collector.errors import (
    BudgetExhaustedError,
    CollectorError,
    DiskFullError,
    LimitExceededError,
    LoginRefusedError,
    StoppedError,
)
from collector.ingest.pipeline import Pipeline
from collector.logs import log
from collector.model import Batch, Cursor, Stream
from collector.salesforce.page_watch import watch_pages
from collector.sources import (
    FetchFailure,
    FetchResult,
    LostBatch,
    Source,
    SourceContext,
    UnavailableStream,
)
from collector.store import ledger, listed_files, stream_coverage
from collector.store.database import Database
from collector.store.stream_coverage import CoverageSpan, to_backfill_stream


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillProgress:
    """How far one stream's backfill is.

    Attributes:
        fraction_read: the share of its time that has been read, 0 to 1.
        rows: events that this step has stored.
        problem: what went wrong with this step; the next run reads it again.
    """

    stream: Stream
    fraction_read: float
    rows: int = 0
    problem: str = ""


class Backfill:
    """The backfill of one org, back to `since`.

    It goes on only as long as the org has calls to spare for the past: `api_budget` is asked
    before every further batch, and counts what it costs.
    """

    def __init__(
        self,
        *,
        context: SourceContext,
        api_budget: ApiBudget,
        database: Database,
        pipeline: Pipeline,
        since: datetime,
        stop_event: threading.Event,
        disk_reserve_bytes: int = DEFAULT_RESERVE_BYTES,
    ) -> None:
        self._disk_watch = DiskWatch(context.spool, disk_reserve_bytes)
        self._context = context
        self._api_budget = api_budget
        self._database = database
        self._pipeline = pipeline
        # Finer times cannot be asked for, so none are ever covered.
        self._since = clock.floor_to_milliseconds(since)
        self._stop_event = stop_event

    def run(self, sources: Collection[Source]) -> Iterator[BackfillProgress]:
        """Read the past of those sources that have one, stream by stream, older to newer.

        A stream's problem is yielded and the next stream goes on; a limit of the org ends all.

        Raises:
            LoginRefusedError: the org does not let us in.
            StoppedError: we were asked to end.
        """
        for source in sources:
            if not source.spec.backfillable:
                continue
            try:
                for stream in source.reader.list_streams(self._context):
                    if not isinstance(stream, UnavailableStream):
                        yield from self._read_stream(source, stream)
            except (LoginRefusedError, StoppedError):
                raise
            except (LimitExceededError, DiskFullError, BudgetExhaustedError) as error:
                yield self._build_problem(source, error)
                return
            except CollectorError as error:
                yield self._build_problem(source, error)

    def _read_stream(self, source: Source, stream: Stream) -> Iterator[BackfillProgress]:
        progress = _SpanProgress(stream, self._list_open_spans(stream))
        yield progress.build_progress()
        for span in progress.spans:
            try:
                yield from self._read_span(source, stream, span, progress)
            except (
                LoginRefusedError,
                LimitExceededError,
                BudgetExhaustedError,
                DiskFullError,
                StoppedError,
            ):
                raise
            except CollectorError as error:
                yield progress.build_progress(problem=str(error))
                return
            progress.finish_span(span)
            yield progress.build_progress()

    def _list_open_spans(self, stream: Stream) -> list[CoverageSpan]:
        """The time before the cursor of the live stream that is not covered yet."""
        with self._database.read() as connection:
            cursor = ledger.read_cursor(connection, stream)
            covered_spans = [
                *stream_coverage.list_spans(connection, stream),
                *stream_coverage.list_spans(connection, to_backfill_stream(stream)),
            ]
        until = clock.floor_to_milliseconds(
            cursor.time if cursor else self._context.client.estimate_org_time()
        )
        if until <= self._since:
            return []
        return stream_coverage.find_gaps(
            covered_spans, within=CoverageSpan(start=self._since, until=until)
        )

    def _read_span(
        self, source: Source, stream: Stream, span: CoverageSpan, progress: _SpanProgress
    ) -> Iterator[BackfillProgress]:
        context = replace(
            self._context,
            until=span.until,
            record_listing=self._record_listing,
            explain_download_pause=lambda: "",  # asked before every batch
        )
        batches = source.reader.fetch(context, stream, Cursor(time=span.start))
        while (step := self._read_next(source, batches, progress)) is not None:
            yield step

    def _read_next(
        self, source: Source, batches: Iterator[FetchResult], progress: _SpanProgress
    ) -> BackfillProgress | None:
        if self._stop_event.is_set():
            raise StoppedError("asked to end between two batches")
        self._disk_watch.check_room(source)
        decision = self._api_budget.decide_backfill(source)
        if decision.pace != Pace.GO:
            raise BudgetExhaustedError(decision.reason)
        # Taking in counts as well: meanwhile the next files are on their way.
        page_budget = PageBudget(partial(self._api_budget.decide_backfill, source))
        with (
            self._api_budget.count_backfill_calls(source),
            watch_pages(page_budget.check_next_page),
        ):
            fetched = next(batches, None)
            return None if fetched is None else self._take_fetched(fetched, progress)

    def _take_fetched(self, fetched: FetchResult, progress: _SpanProgress) -> BackfillProgress:
        match fetched:
            case FetchFailure(reason=reason, key=key):
                with self._database.begin() as connection:
                    listed_files.record_fetch_failure(connection, key, reason)
                return progress.build_progress(problem=reason)
            case LostBatch(batch=batch, reason=reason):
                self._pipeline.mark_lost(_to_backfill_batch(batch), reason)
                return progress.build_progress(problem=f"lost: {reason}")
        return self._ingest_batch(fetched, progress)

    def _ingest_batch(self, batch: Batch, progress: _SpanProgress) -> BackfillProgress:
        try:
            ingested = self._pipeline.ingest(_to_backfill_batch(batch))
        except StoppedError:
            raise
        except Exception as error:
            if is_disk_full(error):
                raise self._disk_watch.note_full_disk(error) from error
            log.exception("batch_broke", stream=str(batch.stream), batch=batch.key)
            return progress.build_progress(problem=f"{batch.key}: {type(error).__name__}: {error}")
        progress.record_batch(batch)
        return progress.build_progress(
            rows=ingested.rows, problem="; ".join(ingested.quarantine_reasons)
        )

    def _record_listing(
        self, stream: Stream, new: Sequence[Batch], *, since: datetime, until: datetime
    ) -> None:
        with self._database.begin() as connection:
            listed_files.record_listed_files(
                connection, [_to_backfill_batch(batch) for batch in new], now=clock.now()
            )
            listed_files.record_listing_coverage(
                connection, stream, CoverageSpan(start=since, until=until)
            )

    def _build_problem(self, source: Source, error: Exception) -> BackfillProgress:
        stream = Stream(org=self._context.org, source=source.kind, name="*")
        return BackfillProgress(stream=stream, fraction_read=0.0, problem=str(error))


def _to_backfill_batch(batch: Batch) -> Batch:
    return replace(batch, stream=to_backfill_stream(batch.stream))


class _SpanProgress:
    """How much of a stream's open time has been read."""

    def __init__(self, stream: Stream, spans: Sequence[CoverageSpan]) -> None:
        self.spans = tuple(spans)
        self._stream = stream
        self._total_time = sum((span.until - span.start for span in spans), timedelta())
        self._finished_time = timedelta()
        self._read_time = timedelta()

    def record_batch(self, batch: Batch) -> None:
        """Record that the stream is complete up to the cursor of a batch."""
        if batch.cursor is None:
            return
        spans = [span for span in self.spans if span.start <= batch.cursor.time <= span.until]
        if spans:
            self._read_time = max(
                self._read_time, self._finished_time + (batch.cursor.time - spans[0].start)
            )

    def finish_span(self, span: CoverageSpan) -> None:
        self._finished_time += span.until - span.start
        self._read_time = self._finished_time

    def build_progress(self, *, rows: int = 0, problem: str = "") -> BackfillProgress:
        fraction_read = self._read_time / self._total_time if self._total_time else 1.0
        return BackfillProgress(
            stream=self._stream, fraction_read=fraction_read, rows=rows, problem=problem
        )
