"""Polls one source of one org: fetches what is new, ingests it, and saves the status."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from math import inf
from pathlib import Path
from typing import Any

from collector import clock
from collector.collection.api_budget import ApiBudget
from collector.collection.api_budget_policy import Pace
from collector.collection.clock_watch import ClockWatch
from collector.collection.damage_repair import DamageRepair
from collector.collection.disk_watch import DiskWatch
from collector.collection.due_streams import select_due_streams
from collector.disk_space import DEFAULT_RESERVE_BYTES, is_disk_full
from collector.errors import (
    BudgetExhaustedError,
    CollectorError,
    DiskFullError,
    LimitExceededError,
    LoginRefusedError,
    NotAvailableError,
    StoppedError,
)
from collector.escaping import escape_terminal
from collector.ingest.pipeline import Pipeline
from collector.logs import log
from collector.model import Batch, Cursor, PollState, Stream
from collector.salesforce.call_counter import assign_activity
from collector.salesforce.client import SalesforceClient
from collector.sources import (
    Catalog,
    FetchFailure,
    FetchResult,
    Lane,
    LostBatch,
    Source,
    SourceContext,
    UnavailableStream,
)
from collector.sources.window_batch import WindowBatch
from collector.store import ledger, listed_files, tracked_objects
from collector.store.database import Database
from collector.store.stream_coverage import CoverageSpan

DAILY_LIMIT_REST = timedelta(minutes=15)
CONCURRENT_LIMIT_REST = timedelta(minutes=1)
"""How long nothing is asked of an org after REQUEST_LIMIT_EXCEEDED."""

MAX_TROUBLES = 5
MAX_REASON_CHARACTERS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PollResult:
    """How one stream's poll went; `reason` says why, where it is not ok.

    What could not be asked because its source did not answer is the stream `*`.
    """

    stream: Stream
    state: PollState
    reason: str = ""
    batches: int = 0
    rows: int = 0
    duplicates: int = 0


class Poller:
    """Polls the sources of one org; each lane is for one thread at a time.

    Attributes:
        sources: urgent ones first, and of a lane what is worth most first.
    """

    def __init__(
        self,
        *,
        org: str,
        client: SalesforceClient,
        sources: Sequence[Source],
        database: Database,
        pipeline: Pipeline,
        spool: Path,
        stop_event: threading.Event,
        api_budget_percent: int = 10,
        disk_reserve_bytes: int = DEFAULT_RESERVE_BYTES,
    ) -> None:
        self.org = org
        self.sources = tuple(sorted(sources, key=_rank_source))
        self._database = database
        self._pipeline = pipeline
        self._stop_event = stop_event
        self.api_budget = ApiBudget(
            org=org,
            percent=api_budget_percent,
            client=client,
            sources=self.sources,
            database=database,
        )
        self._disk_watch = DiskWatch(spool, disk_reserve_bytes)
        self._damage_repair = DamageRepair(database)
        self._clock_watch = ClockWatch(org=org, client=client, database=database)
        self._limit_error: LimitExceededError | None = None
        self._rest_until = -inf
        self._poll_starts: dict[str, datetime] = {}
        self._streams_behind: set[Stream] = set()
        self.context = SourceContext(
            org=org,
            client=client,
            catalog=Catalog(client),
            spool=spool,
            find_stored_keys=self._read_known_keys,
            find_failure_counts=self._read_failure_counts,
            find_newest_time=self._read_newest_time,
            read_state=self._read_source_memory,
            record_listing=self._record_listing,
            explain_download_pause=self.api_budget.explain_download_pause,
        )

    def list_due_sources(self, now: datetime) -> list[Source]:
        """The sources that have a stream to ask, each without those that are not due.

        None of a resting org.
        """
        if self._is_resting():
            return []
        polls = [self._date_from_start(poll) for poll in self._read_polls()]
        forecast = self.api_budget.forecast_calls()
        due_sources = (
            select_due_streams(
                source,
                polls,
                intervals=forecast.list_intervals(source.kind),
                queries_per_call=self.context.client.queries_per_call,
                now=now,
            )
            for source in self.sources
        )
        return [source for source in due_sources if source is not None]

    def poll_source(self, source: Source, *, turn_seconds: float = inf) -> list[PollResult]:
        """Poll the streams of a source until they are drained; the failure of one stops no other.

        All but those that it postpones: see `list_due_sources`.

        Only REQUEST_LIMIT_EXCEEDED does: for a while nothing more is asked of the org. Where it
        takes longer than `turn_seconds`, of every stream that is left one batch is taken, and the
        next poll, which is due at once, goes on from there: the others have their turn first.

        Raises:
            LoginRefusedError: the org does not let us in; nothing else of it can work either.
            StoppedError: we were asked to end.
        """
        self._poll_starts[source.kind] = clock.now()
        deadline = clock.monotonic() + turn_seconds
        tally = _PollTally(
            Stream(org=self.org, source=source.kind, name="*"), lane=source.spec.lane
        )
        try:
            self._disk_watch.check_room(source)
        except DiskFullError as error:
            tally.add_failure(str(error))
            return [self._save_result(tally.build_result())]
        decision = self.api_budget.decide_pace(source)
        if decision.pace == Pace.PAUSE:
            return [
                self._save_result(
                    PollResult(stream=tally.stream, state=PollState.PAUSED, reason=decision.reason)
                )
            ]
        with self.api_budget.count_calls(source), self._clock_watch.record_skew():
            return self._poll_streams(source, tally, deadline)

    def _poll_streams(self, source: Source, tally: _PollTally, deadline: float) -> list[PollResult]:
        streams: Sequence[Stream | UnavailableStream] = ()
        with self._tally_errors(tally):
            self._raise_if_resting()
            streams = source.reader.list_streams(self.context)
            self._forget_stale_polls(source, streams)
        if tally.problems:
            return [self._save_result(tally.build_result())]
        wanted = [stream for stream in streams if _name_stream(stream) not in source.postponed]
        cursors = {
            stream: self._read_cursor(stream) for stream in wanted if isinstance(stream, Stream)
        }
        self.api_budget.record_polls(source, [stream.name for stream in cursors])
        context = replace(self.context, window_batch=WindowBatch(cursors))
        return [
            self._save_result(self._poll_stream(source, stream, context, deadline))
            for stream in wanted
        ]

    def _poll_stream(
        self,
        source: Source,
        stream: Stream | UnavailableStream,
        context: SourceContext,
        deadline: float,
    ) -> PollResult:
        if isinstance(stream, UnavailableStream):
            return PollResult(
                stream=stream.stream, state=PollState.UNAVAILABLE, reason=stream.reason
            )
        self._streams_behind.discard(stream)
        cursor = self._read_cursor(stream)
        tally = _PollTally(stream, cursor, lane=source.spec.lane)
        group = source.find_group(stream.name)
        with assign_activity(group.name), self._tally_errors(tally):
            self._raise_if_resting()
            for result in source.reader.fetch(context, stream, cursor):
                self._take_result(result, tally)
                if self._stop_event.is_set():
                    raise StoppedError("asked to end between two batches")
                if clock.monotonic() > deadline:
                    self._streams_behind.add(stream)
                    break
            self._damage_repair.repair_stream(
                self.context, source, stream, partial(self._take_again, tally)
            )
        return tally.build_result()

    @contextmanager
    def _tally_errors(self, tally: _PollTally) -> Iterator[None]:
        """Add what is raised inside to the tally; the rest of the org goes on."""
        try:
            yield
        except StoppedError:
            raise
        except LoginRefusedError as error:
            tally.add_failure(str(error))
            self._save_result(tally.build_result())
            raise
        except LimitExceededError as error:
            self._start_rest(error)
            tally.add_failure(str(error))
        except BudgetExhaustedError as error:
            tally.pause_reason = str(error)
        except NotAvailableError as error:
            tally.add_failure(
                f"{error}; `collector check` says which permission or licence is missing"
            )
        except CollectorError as error:
            tally.add_failure(str(error))
        except Exception as error:  # noqa: BLE001 - a fault of ours must not stop the others
            if is_disk_full(error):
                tally.add_failure(str(self._disk_watch.note_full_disk(error)))
                return
            log.exception("poll_broke", stream=str(tally.stream))
            tally.add_failure(f"{type(error).__name__}: {error}")

    # ---- ingesting

    def _take_again(self, tally: _PollTally, result: FetchResult) -> int | None:
        """Take in what was fetched again; how many events it has, None where it failed."""
        own_tally = _PollTally(tally.stream, lane=tally.lane)
        self._take_result(result, own_tally)
        tally.add_tally(own_tally)
        return None if own_tally.has_failed else own_tally.rows + own_tally.duplicates

    def _take_result(self, result: FetchResult, tally: _PollTally) -> None:
        match result:
            case FetchFailure():
                tally.add_failure(result.reason)
                self._record_fetch_failure(result)
            case LostBatch():
                self._pipeline.mark_lost(tally.place_batch(result.batch), result.reason)
                tally.problems.append(f"lost: {result.reason}")
            case Batch():
                self._ingest_batch(tally.place_batch(result), tally)

    def _ingest_batch(self, batch: Batch, tally: _PollTally) -> None:
        """Ingest a batch. One that fails is tried again by the next poll; others go on."""
        try:
            ingested = self._pipeline.ingest(batch, lane=tally.lane)
        except StoppedError:
            raise
        except Exception as error:
            if is_disk_full(error):
                raise self._disk_watch.note_full_disk(error) from error
            log.exception("batch_broke", stream=str(batch.stream), batch=batch.key)
            reason = f"{batch.event_type} {batch.key}: {type(error).__name__}: {error}"
            tally.add_failure(reason)
            self._record_fetch_failure(FetchFailure(reason=reason, key=batch.key))
            return
        tally.batches += 1 if batch.segments else 0
        tally.rows += ingested.rows
        tally.duplicates += ingested.duplicates
        tally.problems.extend(ingested.quarantine_reasons)

    # ---- resting

    def _start_rest(self, limit: LimitExceededError) -> None:
        rest = DAILY_LIMIT_REST if limit.is_daily else CONCURRENT_LIMIT_REST
        self._limit_error = limit
        self._rest_until = clock.monotonic() + rest.total_seconds()

    def _is_resting(self) -> bool:
        return clock.monotonic() < self._rest_until

    def _raise_if_resting(self) -> None:
        if self._limit_error is not None and self._is_resting():
            raise self._limit_error

    # ---- the state

    def _save_result(self, result: PollResult) -> PollResult:
        now = clock.now()
        with self._database.begin() as connection:
            ledger.save_poll_status(
                connection,
                ledger.PollStatus(
                    stream=result.stream,
                    state=result.state,
                    reason=result.reason,
                    last_attempt=now,
                    last_success=now if result.state == PollState.OK else None,
                ),
            )
        if result.state == PollState.FAILED:
            log.warning("poll_failed", stream=str(result.stream), reason=result.reason)
        return result

    def _forget_stale_polls(
        self, source: Source, streams: Collection[Stream | UnavailableStream]
    ) -> None:
        """Delete the status of streams that the source has no more, such as `*`."""
        present = {
            stream.stream if isinstance(stream, UnavailableStream) else stream for stream in streams
        }
        stale = [
            poll.stream
            for poll in self._read_polls()
            if poll.stream.source == source.kind and poll.stream not in present
        ]
        if stale:
            with self._database.begin() as connection:
                for stream in stale:
                    ledger.delete_poll_status(connection, stream)

    def _date_from_start(self, poll: ledger.PollStatus) -> ledger.PollStatus:
        """The attempt as of when it began: how long it took is no part of the interval.

        That of a stream that gave way is over: it goes on once the others had their turn.
        """
        if poll.stream in self._streams_behind:
            return replace(poll, last_attempt=clock.EPOCH)
        start = self._poll_starts.get(poll.stream.source, poll.last_attempt)
        return replace(poll, last_attempt=min(start, poll.last_attempt))

    def _read_polls(self) -> list[ledger.PollStatus]:
        with self._database.read() as connection:
            return ledger.list_poll_statuses(connection, org=self.org)

    def _read_cursor(self, stream: Stream) -> Cursor | None:
        with self._database.read() as connection:
            return ledger.read_cursor(connection, stream)

    def _read_known_keys(self, keys: Sequence[str]) -> frozenset[str]:
        with self._database.read() as connection:
            return ledger.find_known_keys(connection, keys)

    def _read_failure_counts(self, keys: Sequence[str]) -> Mapping[str, int]:
        with self._database.read() as connection:
            return listed_files.find_failure_counts(connection, keys)

    def _read_newest_time(self, stream: Stream) -> datetime | None:
        with self._database.read() as connection:
            return ledger.find_newest_log_time(connection, stream, now=clock.now())

    def _record_listing(
        self, stream: Stream, new: Sequence[Batch], *, since: datetime, until: datetime
    ) -> None:
        now = clock.now()
        with self._database.begin() as connection:
            listed_files.record_listed_files(connection, new, now=now)
            listed_files.record_listing_coverage(
                connection, stream, CoverageSpan(start=since, until=until)
            )
            lost_batches = listed_files.mark_unlisted_lost(connection, stream, now=now)
        if lost_batches:
            log.warning("batches_lost", stream=str(stream), batches=len(lost_batches))

    def _record_fetch_failure(self, failure: FetchFailure) -> None:
        with self._database.begin() as connection:
            listed_files.record_fetch_failure(connection, failure.key, failure.reason)

    def _read_source_memory(self, source: str) -> Mapping[str, Mapping[str, Any]]:
        with self._database.read() as connection:
            return tracked_objects.read_object_states(connection, org=self.org, source=source)


def _name_stream(stream: Stream | UnavailableStream) -> str:
    return stream.stream.name if isinstance(stream, UnavailableStream) else stream.name


def _rank_source(source: Source) -> tuple[bool, int]:
    return source.spec.lane is not Lane.URGENT, source.spec.value_rank


class _PollTally:
    """What one stream's poll adds up to."""

    def __init__(self, stream: Stream, cursor: Cursor | None = None, *, lane: Lane) -> None:
        self.stream = stream
        self.lane = lane
        self._cursor = cursor
        self.batches = 0
        self.rows = 0
        self.duplicates = 0
        self.problems: list[str] = []
        self.pause_reason = ""
        self._keeps_cursor = False

    @property
    def has_failed(self) -> bool:
        """Whether something has to be tried again."""
        return self._keeps_cursor

    def add_tally(self, other: _PollTally) -> None:
        """Add what another one has counted, whose batches have moved no cursor."""
        self.batches += other.batches
        self.rows += other.rows
        self.duplicates += other.duplicates
        self.problems.extend(other.problems)

    def add_failure(self, reason: str) -> None:
        """Add a failure: the cursor stays, so that the next poll tries again."""
        self.problems.append(reason)
        self._keeps_cursor = True

    def place_batch(self, batch: Batch) -> Batch:
        """The batch, which moves the cursor only forward, and only if nothing before it failed."""
        is_older = self._cursor and batch.cursor and batch.cursor.time < self._cursor.time
        return replace(batch, cursor=None) if self._keeps_cursor or is_older else batch

    def build_result(self) -> PollResult:
        reasons = self.problems[:MAX_TROUBLES]
        omitted_count = len(self.problems) - len(reasons)
        if omitted_count:
            reasons.append(f"and {omitted_count:,} more")
        state = PollState.FAILED if self.problems else PollState.OK
        if self.pause_reason:
            reasons.append(self.pause_reason)
            state = PollState.FAILED if self.problems else PollState.PAUSED
        return PollResult(
            stream=self.stream,
            state=state,
            reason=escape_terminal("; ".join(reasons), MAX_REASON_CHARACTERS),
            batches=self.batches,
            rows=self.rows,
            duplicates=self.duplicates,
        )
