"""What the state holds of an org's streams, for its sources to go on from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from collector import clock
from collector.logs import log
from collector.model import Batch, Cursor, FetchHistory, Stream
from collector.sources import FetchFailure
from collector.store import ledger, listed_files, tracked_objects
from collector.store.database import Database
from collector.store.stream_coverage import CoverageSpan


class StreamMemory:
    """Where the streams of one org stand, and what was listed and tried of them.

    Cursors move with their batches alone, when these are committed.
    """

    def __init__(self, *, org: str, database: Database) -> None:
        self._org = org
        self._database = database

    def read_cursor(self, stream: Stream) -> Cursor | None:
        """Up to where a stream is committed; None before its first batch."""
        with self._database.read() as connection:
            return ledger.read_cursor(connection, stream)

    def find_known_keys(self, keys: Sequence[str]) -> frozenset[str]:
        """Of these batch keys, those that the ledger holds."""
        with self._database.read() as connection:
            return ledger.find_known_keys(connection, keys)

    def find_fetch_histories(self, keys: Sequence[str]) -> Mapping[str, FetchHistory]:
        """Of these batch keys, what was tried to fetch those that failed."""
        with self._database.read() as connection:
            return listed_files.find_fetch_histories(connection, keys)

    def find_newest_time(self, stream: Stream) -> datetime | None:
        """The log time of a stream's newest batch."""
        with self._database.read() as connection:
            return ledger.find_newest_log_time(connection, stream, now=clock.now())

    def read_source_memory(self, source: str) -> Mapping[str, Mapping[str, Any]]:
        """What a source has stored by its batches (`Batch.state_updates`), by id."""
        with self._database.read() as connection:
            return tracked_objects.read_object_states(connection, org=self._org, source=source)

    def record_listing(
        self, stream: Stream, new: Sequence[Batch], *, since: datetime, until: datetime
    ) -> None:
        """Record that all that was created between two times was listed: see ListingRecorder."""
        now = clock.now()
        with self._database.begin() as connection:
            listed_files.record_listed_files(connection, new, now=now)
            listed_files.record_listing_coverage(
                connection, stream, CoverageSpan(start=since, until=until)
            )
            lost_batches = listed_files.mark_unlisted_lost(connection, stream, now=now)
        if lost_batches:
            log.warning("batches_lost", stream=str(stream), batches=len(lost_batches))

    def record_fetch_failure(self, failure: FetchFailure) -> None:
        """Record that something that was listed could not be fetched, if the failure names it."""
        if not failure.key:
            return
        with self._database.begin() as connection:
            listed_files.record_fetch_failure(connection, failure.key, failure.reason)
