"""Everything that could not be read and was set aside: records, and whole segments of a log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from collector.api.json_values import JsonObject
from collector.ingest import quarantine
from collector.ingest.quarantined_records import QuarantinedRecord, iterate_records
from collector.ingest.state_paths import StatePaths
from collector.model import Batch
from collector.settings import Settings

MAX_CONTENT_BYTES = 10_000
"""So much of a record is shown; all of it is in the quarantine's files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineEntry:
    """A record that is set aside, or a segment that is, whole.

    Attributes:
        index: the segment's in the whole batch, from 0.
        reason: why it could not be read.
        size: its bytes.
        record: the record; None for a whole segment.
    """

    batch: Batch
    index: int
    reason: str
    size: int
    record: QuarantinedRecord | None = None

    def read_content(self) -> str:
        """How the record begins, what is no UTF-8 as U+FFFD; empty for a whole segment.

        It is hostile text, as it came.
        """
        if self.record is None:
            return ""
        content = self.record.content[:MAX_CONTENT_BYTES]
        if self.record.file is not None:
            content = _read_beginning(self.record.file)
        return content.decode("utf-8", "replace").rstrip("\r\n")


def read_entries(settings: Settings) -> Iterator[QuarantineEntry]:
    """Everything that is set aside, by batch key, segment and line."""
    for quarantined in quarantine.list_batches(StatePaths(state_dir=settings.state_dir).quarantine):
        batch = quarantined.batch
        parts = zip(quarantined.indexes, batch.segments, quarantined.reasons, strict=True)
        for index, path, reason in parts:
            if quarantine.holds_records(path):
                yield from _list_record_entries(batch, index, path)
            else:
                size = path.stat().st_size
                yield QuarantineEntry(batch=batch, index=index, reason=reason, size=size)


def to_json(entry: QuarantineEntry) -> JsonObject:
    """An entry as scripts read it; `line` and `content` are null for a whole segment.

    `content` has at most MAX_CONTENT_BYTES of the record's `bytes`.
    """
    record = entry.record
    return {
        "batch": entry.batch.key,
        "org": entry.batch.stream.org,
        "segment": entry.index,
        "event_type": entry.batch.event_type,
        "reason": entry.reason,
        "line": record.line if record else None,
        "bytes": entry.size,
        "content": entry.read_content() if record else None,
    }


def _list_record_entries(batch: Batch, index: int, path: Path) -> Iterator[QuarantineEntry]:
    for record in iterate_records(path):
        size = record.file.stat().st_size if record.file else len(record.content)
        yield QuarantineEntry(
            batch=batch, index=index, reason=record.reason, size=size, record=record
        )


def _read_beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_CONTENT_BYTES)
