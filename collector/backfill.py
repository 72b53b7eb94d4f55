"""Reads what was logged before collecting began: the time that no committed window covers yet.

What is done stands in the ledger, so that one that was killed goes on where it ended. Its cursor,
windows and files are those of a stream of its own, `ApiEvent#backfill`.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from collector import clock
from collector.errors import CollectorError, LimitExceeded, LoginRefused, Stopped
from collector.model import Batch, Cursor, Stream
from collector.observe import log
from collector.pacing import Pacing
from collector.pipeline import Pipeline
from collector.sources import Context, Fetched, Gone, Source, Trouble, Unavailable
from collector.store import coverage, ledger, listing
from collector.store.coverage import Span, shadow
from collector.store.database import Database

KINDS = frozenset(
    {
        "event_log_file",
        "event_log_objects",
        "login_history",
        "setup_audit_trail",
        "stored_events",
    }
)
"""Sources that have a past to read; the others only know the present."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How far one stream's backfill is.

    Attributes:
        done: the share of its time that has been read, 0 to 1.
        rows: events that this step has stored.
        problem: what went wrong with this step; the time it stands for is read by the next run.
    """

    stream: Stream
    done: float
    rows: int = 0
    problem: str = ""


class Backfill:
    """The backfill of one org, back to `since`.

    It goes on only while the source could be polled at full speed: `pacing` is asked before every
    further batch, and counts what it costs.
    """

    def __init__(
        self,
        *,
        context: Context,
        pacing: Pacing,
        database: Database,
        pipeline: Pipeline,
        since: datetime,
        stop: threading.Event,
    ) -> None:
        self._context = context
        self._pacing = pacing
        self._database = database
        self._pipeline = pipeline
        self._since = _whole(since)
        self._stop = stop

    def run(self, sources: Collection[Source]) -> Iterator[Step]:
        """Read the past of these sources, stream by stream, older to newer.

        A stream's trouble is told and the next stream goes on; a limit of the org ends all of it.

        Raises:
            LoginRefused: the org does not let us in.
            Stopped: we were asked to end.
        """
        for source in sources:
            if source.kind not in KINDS:
                continue
            try:
                for stream in source.streams(self._context):
                    if not isinstance(stream, Unavailable):
                        yield from self._stream(source, stream)
            except (LoginRefused, Stopped):
                raise
            except LimitExceeded as error:
                yield self._trouble(source, error)
                return
            except _Paused as pause:
                yield self._trouble(source, pause)
                return
            except CollectorError as error:
                yield self._trouble(source, error)

    def _stream(self, source: Source, stream: Stream) -> Iterator[Step]:
        progress = _Progress(stream, self._open(stream))
        yield progress.step()
        for span in progress.spans:
            try:
                yield from self._span(source, stream, span, progress)
            except (LoginRefused, LimitExceeded, Stopped):
                raise
            except CollectorError as error:
                yield progress.step(problem=str(error))
                return
            progress.leave(span)
            yield progress.step()

    def _open(self, stream: Stream) -> list[Span]:
        """What is still to be read: up to where the live stream stands, without what it has."""
        with self._database.read() as connection:
            cursor = ledger.cursor(connection, stream)
            covered = [
                *coverage.spans(connection, stream),
                *coverage.spans(connection, shadow(stream)),
            ]
        until = _whole(cursor.time if cursor else self._context.client.now())
        if until <= self._since:
            return []
        return coverage.gaps(covered, within=Span(start=self._since, until=until))

    def _span(
        self, source: Source, stream: Stream, span: Span, progress: _Progress
    ) -> Iterator[Step]:
        context = replace(self._context, until=span.until, listed=self._listed)
        batches = source.fetch(context, stream, Cursor(time=span.start))
        while (step := self._next(source, batches, progress)) is not None:
            yield step

    def _next(self, source: Source, batches: Iterator[Fetched], progress: _Progress) -> Step | None:
        if self._stop.is_set():
            raise Stopped("asked to end between two batches")
        verdict = self._pacing.verdict(source)
        if verdict.pace != "go":
            raise _Paused(verdict.reason)
        # Taking in counts as well: meanwhile the next files are on their way.
        with self._pacing.counting(source):
            fetched = next(batches, None)
            return None if fetched is None else self._take(fetched, progress)

    def _take(self, fetched: Fetched, progress: _Progress) -> Step:
        match fetched:
            case Trouble(reason=reason, key=key):
                with self._database.begin() as connection:
                    listing.fail(connection, key, reason)
                return progress.step(problem=reason)
            case Gone(batch=batch, reason=reason):
                self._pipeline.lose(_shadowed(batch), reason)
                return progress.step(problem=f"lost: {reason}")
        return self._ingest(fetched, progress)

    def _ingest(self, batch: Batch, progress: _Progress) -> Step:
        try:
            ingested = self._pipeline.ingest(_shadowed(batch))
        except Exception as error:  # noqa: BLE001 - one poisoned batch must not hide the others
            log.exception("batch_broke", stream=str(batch.stream), batch=batch.key)
            return progress.step(problem=f"{batch.key}: {type(error).__name__}: {error}")
        progress.reach(batch)
        return progress.step(rows=ingested.rows, problem="; ".join(ingested.quarantined))

    def _listed(
        self, stream: Stream, new: Sequence[Batch], *, since: datetime, until: datetime
    ) -> None:
        with self._database.begin() as connection:
            listing.note(connection, [_shadowed(batch) for batch in new], now=clock.now())
            listing.cover(connection, stream, Span(start=since, until=until))

    def _trouble(self, source: Source, error: Exception) -> Step:
        stream = Stream(org=self._context.org, source=source.kind, name="*")
        return Step(stream=stream, done=0.0, problem=str(error))


def _whole(moment: datetime) -> datetime:
    """In whole milliseconds: finer times cannot be asked for, so none are ever covered."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _shadowed(batch: Batch) -> Batch:
    return replace(batch, stream=shadow(batch.stream))


class _Paused(Exception):
    """The budget does not allow more now."""


class _Progress:
    """How much of a stream's open time has been read."""

    def __init__(self, stream: Stream, spans: Sequence[Span]) -> None:
        self.spans = tuple(spans)
        self._stream = stream
        self._total = sum((span.until - span.start for span in spans), timedelta())
        self._behind = timedelta()
        self._reached = timedelta()

    def reach(self, batch: Batch) -> None:
        """A batch was taken in: its stream is complete up to its cursor."""
        if batch.cursor is None:
            return
        inside = [span for span in self.spans if span.start <= batch.cursor.time <= span.until]
        if inside:
            self._reached = max(self._reached, self._behind + (batch.cursor.time - inside[0].start))

    def leave(self, span: Span) -> None:
        """All of a span has been read."""
        self._behind += span.until - span.start
        self._reached = self._behind

    def step(self, *, rows: int = 0, problem: str = "") -> Step:
        """Where it stands."""
        done = self._reached / self._total if self._total else 1.0
        return Step(stream=self._stream, done=done, rows=rows, problem=problem)
