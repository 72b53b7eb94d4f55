"""How the polls of one org's streams went, and when they began: what the next ones wait for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from collector import clock
from collector.collection.poll_tally import PollResult
from collector.logs import log
from collector.model import PollState, Stream
from collector.sources import Source, UnavailableStream
from collector.store import ledger
from collector.store.database import Database


class PollJournal:
    """The polls of one org: the last one of each stream is in the database."""

    def __init__(self, *, org: str, database: Database) -> None:
        self._org = org
        self._database = database
        self._starts: dict[str, datetime] = {}
        self._streams_behind: set[Stream] = set()

    def begin_poll(self, source: Source) -> None:
        """Note that a source is polled from now on."""
        self._starts[source.kind] = clock.now()

    def begin_stream(self, stream: Stream) -> None:
        """Note that a stream is read, and has not given way this time."""
        self._streams_behind.discard(stream)

    def note_gave_way(self, stream: Stream) -> None:
        """Note that a stream has more to be read, and gave way to the others."""
        self._streams_behind.add(stream)

    def list_dated_polls(self) -> list[ledger.PollStatus]:
        """The last poll of each stream, as of when it began.

        How long it took is no part of the interval. That of a stream that gave way is over: it goes
        on once the others had their turn.
        """
        return [self._date_from_start(poll) for poll in self._read_polls()]

    def save_result(self, result: PollResult) -> PollResult:
        """Write down how a stream's poll went, and return it."""
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

    def forget_stale_polls(
        self, source: Source, streams: Collection[Stream | UnavailableStream]
    ) -> None:
        """Delete the polls of streams that the source has no more, such as `*`."""
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

    def _read_polls(self) -> list[ledger.PollStatus]:
        with self._database.read() as connection:
            return ledger.list_poll_statuses(connection, org=self._org)

    def _date_from_start(self, poll: ledger.PollStatus) -> ledger.PollStatus:
        if poll.stream in self._streams_behind:
            return replace(poll, last_attempt=clock.EPOCH)
        start = self._starts.get(poll.stream.source, poll.last_attempt)
        return replace(poll, last_attempt=min(start, poll.last_attempt))
