"""Polls one source of one org: fetches what is new, ingests it, and saves the status."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from math import inf
from pathlib import Path

from collector import clock
from collector.collection.api_budget import ApiBudget
from collector.collection.api_budget_policy import Pace
from collector.collection.clock_watch import ClockWatch
from collector.collection.damage_repair import DamageRepair
from collector.collection.disk_watch import DiskWatch
from collector.collection.due_streams import select_due_streams
from collector.collection.org_rest import OrgRest
from collector.collection.page_budget import PageBudget
from collector.collection.poll_journal import PollJournal
from collector.collection.poll_tally import PollResult, PollTally
from collector.collection.result_intake import ResultIntake
from collector.collection.stream_memory import StreamMemory
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
from collector.ingest.pipeline import Pipeline
from collector.logs import log
from collector.model import PollState, Stream
from collector.salesforce.call_counter import assign_activity
from collector.salesforce.client import SalesforceClient
from collector.salesforce.page_watch import watch_pages
from collector.sources import (
    Catalog,
    Lane,
    Source,
    SourceContext,
    UnavailableStream,
)
from collector.sources.spec import SuppliedTypes
from collector.sources.window_batch import WindowBatch
from collector.store.database import Database

__all__ = ["PollResult", "Poller"]

STREAM_SECONDS = 60.0
"""So long a stream may read on in any turn: whoever is cut off sooner may never get to an end."""


class Poller:
    """Polls the sources of one org; each lane is for one thread at a time.

    Attributes:
        sources: urgent ones first; of a lane the directory, then what is worth most.
        stream_seconds: how long a stream may read on in any turn.
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
        self.stream_seconds = STREAM_SECONDS
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
        self._rest = OrgRest()
        self._journal = PollJournal(org=org, database=database)
        self._memory = StreamMemory(org=org, database=database)
        self._intake = ResultIntake(
            pipeline=pipeline, memory=self._memory, disk_watch=self._disk_watch
        )
        self.context = SourceContext(
            org=org,
            client=client,
            catalog=Catalog(client),
            spool=spool,
            find_stored_keys=self._memory.find_known_keys,
            find_fetch_histories=self._memory.find_fetch_histories,
            find_newest_time=self._memory.find_newest_time,
            read_state=self._memory.read_source_memory,
            record_listing=self._memory.record_listing,
            explain_download_pause=self.api_budget.explain_download_pause,
        )

    def list_due_sources(self, now: datetime) -> list[Source]:
        """The sources that have a stream to ask, each without those that are not due.

        None of a resting org.
        """
        if self._rest.is_on():
            return []
        polls = self._journal.list_dated_polls()
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
        self._journal.begin_poll(source)
        deadline = clock.monotonic() + turn_seconds
        tally = PollTally(Stream(org=self.org, source=source.kind, name="*"), lane=source.spec.lane)
        try:
            self._disk_watch.check_room(source)
        except DiskFullError as error:
            tally.add_failure(str(error))
            return [self._journal.save_result(tally.build_result())]
        decision = self.api_budget.decide_pace(source)
        if decision.pace == Pace.PAUSE:
            return [
                self._journal.save_result(
                    PollResult(stream=tally.stream, state=PollState.PAUSED, reason=decision.reason)
                )
            ]
        with self.api_budget.count_calls(source), self._clock_watch.record_skew():
            return self._poll_streams(source, tally, deadline)

    def _poll_streams(self, source: Source, tally: PollTally, deadline: float) -> list[PollResult]:
        streams: Sequence[Stream | UnavailableStream] = ()
        with self._tally_errors(tally):
            self._rest.raise_if_on()
            streams = source.reader.list_streams(self.context)
            self._journal.forget_stale_polls(source, streams)
        if tally.problems:
            return [self._journal.save_result(tally.build_result())]
        wanted = [stream for stream in streams if _name_stream(stream) not in source.postponed]
        cursors = {
            stream: self._memory.read_cursor(stream)
            for stream in wanted
            if isinstance(stream, Stream)
        }
        self.api_budget.record_polls(source, [stream.name for stream in cursors])
        context = replace(self.context, window_batch=WindowBatch(cursors))
        return [
            self._journal.save_result(self._poll_stream(source, stream, context, deadline))
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
        self._journal.begin_stream(stream)
        cursor = self._memory.read_cursor(stream)
        tally = PollTally(stream, cursor, lane=source.spec.lane)
        group = source.find_group(stream.name)
        page_budget = PageBudget(
            partial(self.api_budget.decide_group_pace, group),
            deadline=max(deadline, clock.monotonic() + self.stream_seconds),
        )
        with (
            assign_activity(group.name),
            self._tally_errors(tally),
            watch_pages(page_budget.check_next_page),
        ):
            self._rest.raise_if_on()
            for result in source.reader.fetch(context, stream, cursor):
                self._intake.take_result(result, tally)
                if self._stop_event.is_set():
                    raise StoppedError("asked to end between two batches")
                if clock.monotonic() > deadline and not tally.repeats_cursor(result):
                    self._journal.note_gave_way(stream)
                    break
            self._damage_repair.repair_stream(
                self.context, source, stream, partial(self._intake.take_again, tally)
            )
        return tally.build_result()

    @contextmanager
    def _tally_errors(self, tally: PollTally) -> Iterator[None]:
        """Add what is raised inside to the tally; the rest of the org goes on."""
        try:
            yield
        except StoppedError:
            raise
        except LoginRefusedError as error:
            tally.add_failure(str(error))
            self._journal.save_result(tally.build_result())
            raise
        except LimitExceededError as error:
            self._rest.begin(error)
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


def _name_stream(stream: Stream | UnavailableStream) -> str:
    return stream.stream.name if isinstance(stream, UnavailableStream) else stream.name


def _rank_source(source: Source) -> tuple[bool, bool, int]:
    # What brings no events of its own is what those of the others are judged by.
    brings_events = source.spec.event_types != SuppliedTypes()
    return source.spec.lane is not Lane.URGENT, brings_events, source.spec.value_rank
