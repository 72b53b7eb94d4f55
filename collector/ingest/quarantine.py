"""What could not be read: kept with what it belongs to, so that it can be retried.

A folder for each batch, and in it `batch.json`, for each segment that was set aside whole its CSV
and the reason, and for each of which some records were set aside a list of these.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from collector.archive.file_origin import describe_batch, restore_batch
from collector.durable_files import sync_path
from collector.ingest.quarantined_records import (
    LARGE_RECORD_SUFFIX,
    RECORDS_SUFFIX,
    RecordShelf,
    iterate_records,
)
from collector.model import Batch

DESCRIPTION_NAME = "batch.json"
REASON_SUFFIX = ".reason"
SEGMENT_SUFFIX = ".csv"
MAX_REASONS = 3
REST_SUFFIX = ".rest"
"""Of the list of records that a retry could not read either, until the retry is committed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantinedBatch:
    """What of one batch is set aside.

    `batch` has as its segments those that are set aside whole, and lists of records of the others
    (`holds_records`); `indexes` says which of the whole batch's segments they are of, since a
    record's `event_uid` counts by it. `reasons` belong to the segments in their order.
    """

    batch: Batch
    indexes: tuple[int, ...]
    reasons: tuple[str, ...]


def store_segment(root: Path, batch: Batch, index: int, reason: str) -> None:
    """Keep a copy of a segment, why it could not be read, and what it belongs to."""
    folder = root / batch.key
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if batch.segments[index] != _locate_part(folder, index):
        shutil.copyfile(batch.segments[index], _locate_part(folder, index))
    _locate_part(folder, index, REASON_SUFFIX).write_text(reason, encoding="utf-8")
    _store_description(folder, batch, index)


def open_shelf(root: Path, batch: Batch, index: int, *, line_offset: int) -> RecordShelf:
    """A shelf for the bad records of a segment.

    Those of a segment that comes out of quarantine are listed only once `settle_retry` is called.
    """
    folder = root / batch.key
    is_retry = batch.segments[index].parent == folder
    suffix = REST_SUFFIX if is_retry else RECORDS_SUFFIX
    return RecordShelf(_locate_part(folder, index, suffix), line_offset=line_offset)


def store_records(root: Path, batch: Batch, index: int, shelf: RecordShelf) -> None:
    """Keep the records of a shelf, and what they belong to."""
    shelf.keep_records()
    _store_description(root / batch.key, batch, index)


def holds_records(path: Path) -> bool:
    """Whether a quarantined segment is a list of records of it."""
    return path.suffix == RECORDS_SUFFIX


def list_batches(root: Path) -> Iterator[QuarantinedBatch]:
    """Everything that is set aside, by batch key."""
    for description in sorted(root.glob(f"*/{DESCRIPTION_NAME}")):
        batch = _read_batch(description)
        if batch.indexes:
            yield batch


def settle_retry(root: Path, key: str, indexes: Iterable[int], unread: Iterable[int]) -> None:
    """After a retry has been committed: delete what was read, keep what still cannot be.

    `indexes` are those of the segments that were retried, `unread` those of which something is
    left. Doing it again changes nothing.
    """
    folder = root / key
    left = set(unread)
    for index in indexes:
        rest = _locate_part(folder, index, REST_SUFFIX)
        if rest.exists():
            rest.replace(_locate_part(folder, index, RECORDS_SUFFIX))
            _delete_segment(folder, index)
        elif index not in left:
            _delete_segment(folder, index)
            _locate_part(folder, index, RECORDS_SUFFIX).unlink(missing_ok=True)
        _delete_unlisted_files(folder, index)
    if not _list_parts(folder):
        shutil.rmtree(folder, ignore_errors=True)


def _delete_segment(folder: Path, index: int) -> None:
    _locate_part(folder, index).unlink(missing_ok=True)
    _locate_part(folder, index, REASON_SUFFIX).unlink(missing_ok=True)


def _delete_unlisted_files(folder: Path, index: int) -> None:
    """Delete the large records that the segment's list does not name any more."""
    records = _locate_part(folder, index, RECORDS_SUFFIX)
    listed = {record.file for record in iterate_records(records)} if records.exists() else set()
    for path in folder.glob(f"{index:04d}-*{LARGE_RECORD_SUFFIX}"):
        if path not in listed:
            path.unlink()


def _read_batch(description: Path) -> QuarantinedBatch:
    parts = _list_parts(description.parent)
    return QuarantinedBatch(
        batch=_build_batch(
            json.loads(description.read_text(encoding="utf-8")), list(parts.values())
        ),
        indexes=tuple(parts),
        reasons=tuple(map(_read_reason, parts.values())),
    )


def _list_parts(folder: Path) -> dict[int, Path]:
    """What is set aside of each segment, by its index: all of it, or a list of records."""
    parts = {int(path.stem): path for path in folder.glob(f"*{RECORDS_SUFFIX}")}
    parts |= {int(path.stem): path for path in folder.glob(f"*{SEGMENT_SUFFIX}")}
    return dict(sorted(parts.items()))


def _read_reason(part: Path) -> str:
    if holds_records(part):
        reasons = dict.fromkeys(record.reason for record in iterate_records(part))
        return "; ".join(islice(reasons, MAX_REASONS))
    reason = part.with_suffix(REASON_SUFFIX)
    return reason.read_text(encoding="utf-8") if reason.exists() else ""


def _locate_part(folder: Path, index: int, suffix: str = SEGMENT_SUFFIX) -> Path:
    return folder / f"{index:04d}{suffix}"


def _store_description(folder: Path, batch: Batch, index: int) -> None:
    description = folder / DESCRIPTION_NAME
    if not description.exists():
        # Segments are read side by side: each writes the same text, in a file of its own.
        temporary = folder / f"{index:04d}.part"
        _write_durably(description, json.dumps(_describe_batch(batch)), temporary=temporary)


def _describe_batch(batch: Batch) -> dict[str, Any]:
    return {**describe_batch(batch), "columns": list(batch.columns)}


def _build_batch(description: dict[str, Any], segments: Sequence[Path]) -> Batch:
    return replace(
        restore_batch(description),
        segments=tuple(segments),
        columns=tuple(description["columns"]),
    )


def _write_durably(path: Path, text: str, *, temporary: Path) -> None:
    temporary.write_text(text, encoding="utf-8")
    sync_path(temporary)
    temporary.replace(path)
