"""Segments that could not be read: kept with what they belong to, so that they can be retried."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from collector.durable_files import sync_path
from collector.model import Batch, Stream, parse_facts, render_facts

DESCRIPTION_NAME = "batch.json"
REASON_SUFFIX = ".reason"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantinedBatch:
    """The segments of one batch that are set aside.

    `batch` has them as its segments; `indexes` says which of the whole batch's they were, since a
    record's `event_uid` counts by it. `reasons` belong to the segments in their order.
    """

    batch: Batch
    indexes: tuple[int, ...]
    reasons: tuple[str, ...]


def store_segment(root: Path, batch: Batch, index: int, reason: str) -> None:
    """Keep a copy of a segment, why it could not be read, and what it belongs to."""
    folder = root / batch.key
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if batch.segments[index] != _locate_segment(folder, index):
        shutil.copyfile(batch.segments[index], _locate_segment(folder, index))
    _locate_segment(folder, index).with_suffix(REASON_SUFFIX).write_text(reason, encoding="utf-8")
    description = folder / DESCRIPTION_NAME
    if not description.exists():
        # Segments are read side by side: each writes the same text, in a file of its own.
        temporary = folder / f"{index:04d}.part"
        _write_durably(description, json.dumps(_describe_batch(batch)), temporary=temporary)


def list_batches(root: Path) -> Iterator[QuarantinedBatch]:
    """Everything that is set aside, by batch key."""
    for description in sorted(root.glob(f"*/{DESCRIPTION_NAME}")):
        batch = _read_batch(description)
        if batch.indexes:
            yield batch


def release_segment(root: Path, key: str, index: int) -> None:
    """Delete a segment that has been read now."""
    folder = root / key
    _locate_segment(folder, index).unlink(missing_ok=True)
    _locate_segment(folder, index).with_suffix(REASON_SUFFIX).unlink(missing_ok=True)
    if not any(folder.glob("*.csv")):
        shutil.rmtree(folder, ignore_errors=True)


def _read_batch(description: Path) -> QuarantinedBatch:
    segments = sorted(description.parent.glob("*.csv"))
    reasons = [path.with_suffix(REASON_SUFFIX) for path in segments]
    return QuarantinedBatch(
        batch=_build_batch(json.loads(description.read_text(encoding="utf-8")), segments),
        indexes=tuple(int(path.stem) for path in segments),
        reasons=tuple(
            path.read_text(encoding="utf-8") if path.exists() else "" for path in reasons
        ),
    )


def _locate_segment(folder: Path, index: int) -> Path:
    return folder / f"{index:04d}.csv"


def _describe_batch(batch: Batch) -> dict[str, Any]:
    return {
        "key": batch.key,
        "org": batch.stream.org,
        "source": batch.stream.source,
        "stream": batch.stream.label,
        "event_type": batch.event_type,
        "nominal": batch.log_time.isoformat(),
        "received": batch.received.isoformat(),
        "columns": list(batch.columns),
        "record_prefix": batch.record_prefix,
        "dedupe": batch.dedupe,
        "facts": render_facts(batch.facts),
    }


def _build_batch(description: dict[str, Any], segments: Sequence[Path]) -> Batch:
    return Batch(
        key=description["key"],
        stream=Stream.parse_label(
            org=description["org"], source=description["source"], label=description["stream"]
        ),
        event_type=description["event_type"],
        log_time=datetime.fromisoformat(description["nominal"]),
        received=datetime.fromisoformat(description["received"]),
        segments=tuple(segments),
        columns=tuple(description["columns"]),
        record_prefix=description["record_prefix"],
        dedupe=description["dedupe"],
        cursor=None,
        facts=parse_facts(description["facts"]),
    )


def _write_durably(path: Path, text: str, *, temporary: Path) -> None:
    temporary.write_text(text, encoding="utf-8")
    sync_path(temporary)
    temporary.replace(path)
