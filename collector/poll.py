"""Polls one source of one org: asks what is new, takes it in, and remembers how that went."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from collector import clock
from collector.errors import (
    CollectorError,
    LoginRefused,
    NotAvailable,
    SalesforceError,
    Stopped,
)
from collector.model import Batch, Cursor, Stream
from collector.observe import log
from collector.pipeline import Pipeline
from collector.salesforce.client import Client
from collector.sources import Catalog, Context, Fetched, Gone, Source, Trouble, Unavailable
from collector.store import inventory, ledger, listing
from collector.store.coverage import Span
from collector.store.database import Database

OK, FAILED, UNAVAILABLE = "ok", "failed", "unavailable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Polled:
    """How one stream's poll went. `state` is ok, failed or unavailable, `reason` says why."""

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
    ) -> None:
        self.org = org
        self.sources = tuple(sources)
        self._database = database
        self._pipeline = pipeline
        self._stop = stop
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
        """The sources whose last attempt is at least their interval ago."""
        with self._database.read() as connection:
            polls = ledger.polls(connection, org=self.org)
        last: dict[str, datetime] = {}
        for poll in polls:
            source = poll.stream.source
            last[source] = max(poll.last_attempt, last.get(source, poll.last_attempt))
        return [
            source
            for source in self.sources
            if source.kind not in last or last[source.kind] + source.every <= now
        ]

    def poll(self, source: Source) -> list[Polled]:
        """Poll every stream of a source until it is drained; one's trouble stops no other.

        Raises:
            LoginRefused: the org does not let us in; nothing else of it can work either.
            Stopped: we were asked to end.
        """
        try:
            streams = source.streams(self.context)
        except LoginRefused as error:
            self._remember(self._failed(source, error))
            raise
        except SalesforceError as error:
            return [self._remember(self._failed(source, error))]
        self._forget(self._whole(source))
        return [self._remember(self._poll(source, stream)) for stream in streams]

    def _poll(self, source: Source, stream: Stream | Unavailable) -> Polled:
        if isinstance(stream, Unavailable):
            return Polled(stream=stream.stream, state=UNAVAILABLE, reason=stream.reason)
        tally = _Tally(stream)
        try:
            for fetched in source.fetch(self.context, stream, self._cursor(stream)):
                self._take(fetched, tally)
                if self._stop.is_set():
                    raise Stopped("asked to end between two batches")
        except LoginRefused as error:
            self._remember(Polled(stream=stream, state=FAILED, reason=str(error)))
            raise
        except SalesforceError as error:
            if isinstance(error, NotAvailable):
                self.context.catalog.forget()
            tally.troubles.append(str(error))
        return tally.polled()

    def _take(self, fetched: Fetched, tally: _Tally) -> None:
        if isinstance(fetched, Trouble):
            tally.troubles.append(fetched.reason)
            self._failed_to_fetch(fetched)
            return
        if isinstance(fetched, Gone):
            self._pipeline.lose(fetched.batch, fetched.reason)
            return
        ingested = self._pipeline.ingest(fetched)
        tally.batches += 1
        tally.rows += ingested.rows
        tally.duplicates += ingested.duplicates
        tally.troubles.extend(ingested.quarantined)

    def _failed(self, source: Source, error: CollectorError) -> Polled:
        return Polled(stream=self._whole(source), state=FAILED, reason=str(error))

    def _whole(self, source: Source) -> Stream:
        """What stands for the streams of a source while they cannot be told."""
        return Stream(org=self.org, source=source.kind, name="*")

    def _forget(self, stream: Stream) -> None:
        with self._database.begin() as connection:
            ledger.forget_poll(connection, stream)

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

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.batches = 0
        self.rows = 0
        self.duplicates = 0
        self.troubles: list[str] = []

    def polled(self) -> Polled:
        return Polled(
            stream=self.stream,
            state=FAILED if self.troubles else OK,
            reason="; ".join(self.troubles[:5]),
            batches=self.batches,
            rows=self.rows,
            duplicates=self.duplicates,
        )
