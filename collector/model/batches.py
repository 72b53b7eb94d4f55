"""What is collected: streams, how far each was read, batches, and the files they become."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from collector.model.batch_facts import BatchFacts, OtherFacts
from collector.model.directory_entries import DirectoryPage


class StreamPurpose(StrEnum):
    """What a stream is read for: what is new, its past, or which files there are.

    The values end a stream's text form, as it is stored and logged.
    """

    LIVE = ""
    BACKFILL = "#backfill"
    LISTING = "#listed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """What a cursor belongs to: one thing that is read forward in time.

    `name` is the object that is polled ("ApiEvent"), or "*" where one listing covers all types.
    """

    org: str
    source: str
    name: str
    purpose: StreamPurpose = StreamPurpose.LIVE

    def __str__(self) -> str:
        return f"{self.org}/{self.source}/{self.label}"

    @property
    def label(self) -> str:
        """Its name and purpose in one text: `ApiEvent`, `ApiEvent#backfill`, `hourly#listed`."""
        return self.name + self.purpose

    @classmethod
    def parse_label(cls, *, org: str, source: str, label: str) -> Stream:
        """The stream whose `label` that is."""
        suffixes = (StreamPurpose.BACKFILL, StreamPurpose.LISTING)
        purpose = next(
            (suffix for suffix in suffixes if label.endswith(suffix)), StreamPurpose.LIVE
        )
        return cls(org=org, source=source, name=label.removesuffix(purpose), purpose=purpose)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """All of a stream up to `time`, and at that time up to the id `tiebreaker`, is committed."""

    time: datetime
    tiebreaker: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The unit that is stored: one event log file, or one closed query window of an object.

    Attributes:
        key: computed from what the batch is, never random, never from the clock: a replay of it
            overwrites itself.
        stream: whose cursor moves when the batch is committed.
        event_type: `Login`, `ApiEvent`, `SetupAuditTrail`, …
        log_time: the time its records belong to when they carry none that can be read (the file's
            LogDate, the window's end).
        received: when the batch had been fetched.
        segments: CSV files of at most about `SEGMENT_BYTES`, each with the header line, every
            field quoted, cut at record boundaries.
        columns: the header, in order.
        record_prefix: what `event_uid` starts with for records that have no id of their own.
        dedupe: records may have been served before, so those whose `event_uid` the archive holds
            are dropped.
        cursor: where the stream stands once this batch is committed; None leaves it where it is.
        facts: what the ledger keeps beside, by where the batch came from.
        state_updates: by id, the JSON object that its source keeps of an object of the org once
            this batch is committed; None forgets it.
        directory: what was read of the org's directory; such a batch has no segments.
    """

    key: str
    stream: Stream
    event_type: str
    log_time: datetime
    received: datetime
    segments: tuple[Path, ...]
    columns: tuple[str, ...]
    record_prefix: str
    dedupe: bool
    cursor: Cursor | None
    facts: BatchFacts = field(default_factory=OtherFacts)
    state_updates: Mapping[str, Mapping[str, Any] | None] = field(default_factory=dict)
    directory: DirectoryPage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveFile:
    """A Parquet file of the archive.

    `path` is relative to its root, `date` is YYYY-MM-DD (UTC), `first_time` and
    `last_time` are those of its earliest and its latest event. `sha256` is that of its bytes in 64
    hex digits, empty where nobody has computed it: files of earlier versions.
    """

    path: str
    org: str
    event_type: str
    date: str
    rows: int
    bytes: int
    first_time: datetime
    last_time: datetime
    sha256: str = ""
