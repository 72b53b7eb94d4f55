"""Polls one source of one org: asks what is new, takes it in, and remembers how that went."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import inf
from pathlib import Path
from typing import Any

from collector import clock
from collector.errors import (
    CollectorError,
    LimitExceeded,
    LoginRefused,
    NotAvailable,
    Stopped,
)
from collector.model import Batch, Cursor, Stream
from collector.observe import log
from collector.pacing import Pacing
from collector.pipeline import Pipeline
from collector.salesforce.client import Client
from collector.sources import Catalog, Context, Fetched, Gone, Source, Trouble, Unavailable
from collector.store import inventory, ledger, listing
from collector.store.coverage import Span
from collector.store.database import Database
from collector.text import terminal

OK, FAILED, UNAVAILABLE, PAUSED = "ok", "failed", "unavailable", "paused"

DAILY_REST = timedelta(minutes=15)
CONCURRENT_REST = timedelta(minutes=1)
"""How long an org is left alone that has said REQUEST_LIMIT_EXCEEDED."""

TROUBLES_TOLD = 5
REASON_CHARACTERS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Polled:
    """How one stream's poll went: ok, failed, unavailable or paused, and `reason` says why.

    What could not be asked because its source did not answer is the stream `*`.
    """

    stream: Stream
    state: str
    reason: str = ""
    batches: int = 0
    rows: int = 0
    duplicates: int = 0


class Poller:
    """Polls the sources of one org, one after the other, in one thread at a time."""

    def __init__(
        self,
        *,
        org: str,
        client: Client,
        sources: Sequence[Source],
        database: Database,
        pipeline: Pipeline,
        spool: Path,
        stop: threading.Event,
        api_budget_percent: int = 10,
    ) -> None:
        self.org = org
        self.sources = tuple(sources)
        self._database = database
        self._pipeline = pipeline
        self._stop = stop
        self.pacing = Pacing(
            org=org,
            percent=api_budget_percent,
            client=client,
            sources=self.sources,
            database=database,
        )
        self._limit: LimitExceeded | None = None
        self._rest_until = -inf
        self.context = Context(
            org=org,
            client=client,
            catalog=Catalog(client),
            spool=spool,
            known=self._known,
            newest=self._newest,
            recall=self._recall,
            listed=self._listed,
        )

    def due(self, now: datetime) -> list[Source]:
        """The sources whose last attempt is at least their interval ago; none of a resting org.

        An attempt of the future was made before our clock was set back: it does not count.
        """
        if self._rests():
            return []
        last: dict[str, datetime] = {}
        for poll in self._polls():
            if poll.last_attempt <= now:
                source = poll.stream.source
                last[source] = max(poll.last_attempt, last.get(source, poll.last_attempt))
        return [
            source
            for source in self.sources
            if source.kind not in last or last[source.kind] + self.pacing.interval(source) <= now
        ]

    def poll(self, source: Source) -> list[Polled]:
        """Poll every stream of a source until it is drained; one's trouble stops no other.

        Only REQUEST_LIMIT_EXCEEDED does: for a while nothing more is asked of the org.

        Raises:
            LoginRefused: the org does not let us in; nothing else of it can work either.
            Stopped: we were asked to end.
        """
        whole = _Tally(Stream(org=self.org, source=source.kind, name="*"))
        verdict = self.pacing.verdict(source)
        if verdict.pace == "pause":
            return [
                self._remember(Polled(stream=whole.stream, state=PAUSED, reason=verdict.reason))
            ]
        with self.pacing.counting(source):
            return self._poll_all(source, whole)

    def _poll_all(self, source: Source, whole: _Tally) -> list[Polled]:
        streams: Sequence[Stream | Unavailable] = ()
        with self._telling(whole):
            self._refuse_to_insist()
            streams = source.streams(self.context)
            self._forget_others(source, streams)
        if whole.troubles:
            return [self._remember(whole.polled())]
        return [self._remember(self._poll(source, stream)) for stream in streams]

    def _poll(self, source: Source, stream: Stream | Unavailable) -> Polled:
        if isinstance(stream, Unavailable):
            return Polled(stream=stream.stream, state=UNAVAILABLE, reason=stream.reason)
        cursor = self._cursor(stream)
        tally = _Tally(stream, cursor)
        with self._telling(tally):
            self._refuse_to_insist()
            for fetched in source.fetch(self.context, stream, cursor):
                self._take(fetched, tally)
                if self._stop.is_set():
                    raise Stopped("asked to end between two batches")
        return tally.polled()

    @contextmanager
    def _telling(self, tally: _Tally) -> Iterator[None]:
        """Make what goes wrong inside the stream's trouble; the rest of the org goes on."""
        try:
            yield
        except Stopped:
            raise
        except LoginRefused as error:
            tally.fail(str(error))
            self._remember(tally.polled())
            raise
        except LimitExceeded as error:
            self._rest(error)
            tally.fail(str(error))
        except NotAvailable as error:
            tally.fail(f"{error}; `collector check` says which permission or licence is missing")
        except CollectorError as error:
            tally.fail(str(error))
        except Exception as error:  # noqa: BLE001 - a fault of ours must not stop the others
            log.exception("poll_broke", stream=str(tally.stream))
            tally.fail(f"{type(error).__name__}: {error}")

    # ---- taking in

    def _take(self, fetched: Fetched, tally: _Tally) -> None:
        match fetched:
            case Trouble():
                tally.fail(fetched.reason)
                self._failed_to_fetch(fetched)
            case Gone():
                self._pipeline.lose(tally.placed(fetched.batch), fetched.reason)
                tally.troubles.append(f"lost: {fetched.reason}")
            case Batch():
                self._ingest(tally.placed(fetched), tally)

    def _ingest(self, batch: Batch, tally: _Tally) -> None:
        """Take a batch in. One that cannot be is tried again by the next poll; others go on."""
        try:
            ingested = self._pipeline.ingest(batch)
        except Exception as error:  # noqa: BLE001 - one poisoned file must not hide the later ones
            log.exception("batch_broke", stream=str(batch.stream), batch=batch.key)
            reason = f"{batch.event_type} {batch.key}: {type(error).__name__}: {error}"
            tally.fail(reason)
            self._failed_to_fetch(Trouble(reason=reason, key=batch.key))
            return
        tally.batches += 1 if batch.segments else 0
        tally.rows += ingested.rows
        tally.duplicates += ingested.duplicates
        tally.troubles.extend(ingested.quarantined)

    # ---- resting

    def _rest(self, limit: LimitExceeded) -> None:
        rest = DAILY_REST if limit.daily else CONCURRENT_REST
        self._limit = limit
        self._rest_until = clock.monotonic() + rest.total_seconds()

    def _rests(self) -> bool:
        return clock.monotonic() < self._rest_until

    def _refuse_to_insist(self) -> None:
        if self._limit is not None and self._rests():
            raise self._limit

    # ---- remembering

    def _remember(self, polled: Polled) -> Polled:
        now = clock.now()
        with self._database.begin() as connection:
            ledger.set_poll(
                connection,
                ledger.Poll(
                    stream=polled.stream,
                    state=polled.state,
                    reason=polled.reason,
                    last_attempt=now,
                    last_success=now if polled.state == OK else None,
                ),
            )
        if polled.state == FAILED:
            log.warning("poll_failed", stream=str(polled.stream), reason=polled.reason)
        return polled

    def _forget_others(self, source: Source, streams: Collection[Stream | Unavailable]) -> None:
        """Forget how polls of streams went that the source has no more, such as `*`."""
        present = {
            stream.stream if isinstance(stream, Unavailable) else stream for stream in streams
        }
        stale = [
            poll.stream
            for poll in self._polls()
            if poll.stream.source == source.kind and poll.stream not in present
        ]
        if stale:
            with self._database.begin() as connection:
                for stream in stale:
                    ledger.forget_poll(connection, stream)

    def _polls(self) -> list[ledger.Poll]:
        with self._database.read() as connection:
            return ledger.polls(connection, org=self.org)

    def _cursor(self, stream: Stream) -> Cursor | None:
        with self._database.read() as connection:
            return ledger.cursor(connection, stream)

    def _known(self, keys: Sequence[str]) -> frozenset[str]:
        with self._database.read() as connection:
            return ledger.known(connection, keys)

    def _newest(self, stream: Stream) -> datetime | None:
        with self._database.read() as connection:
            return ledger.newest(connection, stream)

    def _listed(
        self, stream: Stream, new: Sequence[Batch], *, since: datetime, until: datetime
    ) -> None:
        now = clock.now()
        with self._database.begin() as connection:
            listing.note(connection, new, now=now)
            listing.cover(connection, stream, Span(start=since, until=until))
            gone = listing.give_up(connection, stream, now=now)
        if gone:
            log.warning("batches_lost", stream=str(stream), batches=len(gone))

    def _failed_to_fetch(self, trouble: Trouble) -> None:
        with self._database.begin() as connection:
            listing.fail(connection, trouble.key, trouble.reason)

    def _recall(self, source: str) -> Mapping[str, Mapping[str, Any]]:
        with self._database.read() as connection:
            return inventory.recall(connection, org=self.org, source=source)


class _Tally:
    """What one stream's poll adds up to."""

    def __init__(self, stream: Stream, stands: Cursor | None = None) -> None:
        self.stream = stream
        self._stands = stands
        self.batches = 0
        self.rows = 0
        self.duplicates = 0
        self.troubles: list[str] = []
        self._stays = False

    def fail(self, reason: str) -> None:
        """Something is still to be had where the cursor stands: there it stays."""
        self.troubles.append(reason)
        self._stays = True

    def placed(self, batch: Batch) -> Batch:
        """The batch, which moves the cursor only forward, and only if nothing before it failed."""
        back = self._stands and batch.cursor and batch.cursor.time < self._stands.time
        return replace(batch, cursor=None) if self._stays or back else batch

    def polled(self) -> Polled:
        told = self.troubles[:TROUBLES_TOLD]
        more = len(self.troubles) - len(told)
        if more:
            told.append(f"and {more:,} more")
        return Polled(
            stream=self.stream,
            state=FAILED if self.troubles else OK,
            reason=terminal("; ".join(told), REASON_CHARACTERS),
            batches=self.batches,
            rows=self.rows,
            duplicates=self.duplicates,
        )
