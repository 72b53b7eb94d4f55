"""What every source promises, and what it is given to work with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from collector.errors import CollectorError
from collector.model import Batch, Cursor, FetchHistory, Stream
from collector.sources.catalog import Catalog
from collector.sources.window_batch import WindowBatch
from collector.sources.window_widths import WindowWidths
from collector.stable_ids import hash_lines

if TYPE_CHECKING:  # a source's settings and facts are read without a client
    from collector.salesforce.client import SalesforceClient

CLOCK_TOLERANCE = timedelta(minutes=1)


def _read_no_state(_source: str) -> Mapping[str, Mapping[str, Any]]:
    return {}


def _explain_nothing() -> str:
    return ""


class ListingRecorder(Protocol):
    """Records what the org lists of a stream, before any of it is fetched."""

    def __call__(
        self, stream: Stream, new: Sequence[Batch], *, since: datetime, until: datetime
    ) -> None:
        """Record that all that was created between two times was listed.

        `new` is what the ledger does not hold of it, as batches without segments: maybe nothing.
        """
        ...


def _ignore_listing(
    stream: Stream, new: Sequence[Batch], *, since: datetime, until: datetime
) -> None:
    """Record nothing."""


def _find_no_histories(_keys: Sequence[str]) -> Mapping[str, FetchHistory]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceContext:
    """The org to read, where to put what it serves, and what is already in the ledger.

    Attributes:
        org: its name.
        client: what the org is asked through.
        catalog: what the org has.
        spool: the folder for what is fetched.
        find_stored_keys: of these batch keys, those that the ledger holds.
        find_fetch_histories: of these batch keys, what was tried to fetch those that failed.
        find_newest_time: the log time of a stream's newest batch.
        read_state: what a source has stored by its batches (`Batch.state_updates`), by id.
        record_listing: takes what the org lists.
        until: where to stop reading, in a backfill; None reads up to the present.
        window_batch: the streams that a poll reads, where several may be asked for together.
        window_widths: how wide the windows of streams may be.
        explain_download_pause: why no further file may be downloaded now; empty where it may.
    """

    org: str
    client: SalesforceClient
    catalog: Catalog
    spool: Path
    find_stored_keys: Callable[[Sequence[str]], frozenset[str]]
    find_newest_time: Callable[[Stream], datetime | None]
    find_fetch_histories: Callable[[Sequence[str]], Mapping[str, FetchHistory]] = _find_no_histories
    read_state: Callable[[str], Mapping[str, Mapping[str, Any]]] = _read_no_state
    record_listing: ListingRecorder = _ignore_listing
    until: datetime | None = None
    window_batch: WindowBatch | None = None
    window_widths: WindowWidths = field(default_factory=WindowWidths)
    explain_download_pause: Callable[[], str] = _explain_nothing

    def compute_horizon(self, now: datetime) -> datetime:
        """Up to when there is something to read: the org's present, or `until` before it."""
        return now if self.until is None else min(now, self.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class LostBatch:
    """Something that the org has listed and will not serve.

    `batch` has no segments; its key is the file's, so that the ledger keeps what is missing.
    """

    batch: Batch
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchFailure:
    """Something that failed now and will be tried again; what follows went on without it.

    `key` is that of the batch that it was to become, if it was one.
    """

    reason: str
    key: str = ""


FetchResult = Batch | LostBatch | FetchFailure


@dataclass(frozen=True, slots=True, kw_only=True)
class UnavailableStream:
    """A stream that this org or this user does not have, in words that say what is missing."""

    stream: Stream
    reason: str


class SourceReader(Protocol):
    """Reads one kind of log that an org keeps, as the settings want it."""

    def list_streams(self, context: SourceContext) -> Sequence[Stream | UnavailableStream]:
        """What is read forward in time here; asks the org what it has."""
        ...

    def fetch(
        self, context: SourceContext, stream: Stream, cursor: Cursor | None
    ) -> Iterator[FetchResult]:
        """What is new since the cursor, oldest first; each batch says where the cursor then is.

        A batch without segments only moves the cursor. After a FetchFailure the caller leaves the
        cursor where it is, so that the next poll asks again.

        Raises:
            CollectorError: nothing further can be read now.
        """
        ...


def build_batch_key(*identity: str) -> str:
    """The key of a batch: a function of what it is."""
    return hash_lines(*identity)


def resolve_present_time(context: SourceContext, cursor: Cursor | None) -> datetime:
    """The org's present moment, as far as it is known; never far before the cursor.

    Raises:
        CollectorError: our clock has been set back behind what was read already. Until it is right
            new records would be missed.
    """
    now = context.client.estimate_org_time()
    if cursor is None or cursor.time <= now + CLOCK_TOLERANCE:
        return now
    context.client.list_object_names()  # Any answer tells the org's time anew.
    now = context.client.estimate_org_time()
    if cursor.time <= now + CLOCK_TOLERANCE:
        return now
    raise CollectorError(
        f"by this machine's clock it is {now:%Y-%m-%d %H:%M}Z, but events up to"
        f" {cursor.time:%Y-%m-%d %H:%M}Z have been read: set the clock by NTP"
    )
