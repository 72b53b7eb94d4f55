"""Segments that could not be read: kept with what they belong to, so that they can be retried."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from collector.model import Batch, Stream

DESCRIPTION = "batch.json"
REASON = ".reason"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The segments of one batch that are set aside.

    `batch` has them as its segments; `indexes` says which of the whole batch's they were, since a
    record's `event_uid` counts by it. `reasons` belong to the segments in their order.
    """

    batch: Batch
    indexes: tuple[int, ...]
    reasons: tuple[str, ...]


def set_aside(root: Path, batch: Batch, index: int, reason: str) -> None:
    """Keep a copy of a segment, why it could not be read, and what it belongs to."""
    home = root / batch.key
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    if batch.segments[index] != _segment(home, index):
        shutil.copyfile(batch.segments[index], _segment(home, index))
    _segment(home, index).with_suffix(REASON).write_text(reason, encoding="utf-8")
    description = home / DESCRIPTION
    if not description.exists():
        _write(description, json.dumps(_described(batch)))


def held(root: Path) -> Iterator[Held]:
    """Everything that is set aside, by batch key."""
    for description in sorted(root.glob(f"*/{DESCRIPTION}")):
        found = _held(description)
        if found.indexes:
            yield found


def release(root: Path, key: str, index: int) -> None:
    """Forget a segment: it has been read now."""
    home = root / key
    _segment(home, index).unlink(missing_ok=True)
    _segment(home, index).with_suffix(REASON).unlink(missing_ok=True)
    if not any(home.glob("*.csv")):
        shutil.rmtree(home, ignore_errors=True)


def _held(description: Path) -> Held:
    segments = sorted(description.parent.glob("*.csv"))
    reasons = [path.with_suffix(REASON) for path in segments]
    return Held(
        batch=_batch(json.loads(description.read_text(encoding="utf-8")), segments),
        indexes=tuple(int(path.stem) for path in segments),
        reasons=tuple(
            path.read_text(encoding="utf-8") if path.exists() else "" for path in reasons
        ),
    )


def _segment(home: Path, index: int) -> Path:
    return home / f"{index:04d}.csv"


def _described(batch: Batch) -> dict[str, Any]:
    return {
        "key": batch.key,
        "org": batch.stream.org,
        "source": batch.stream.source,
        "stream": batch.stream.name,
        "event_type": batch.event_type,
        "nominal": batch.nominal.isoformat(),
        "received": batch.received.isoformat(),
        "columns": list(batch.columns),
        "record_prefix": batch.record_prefix,
        "dedupe": batch.dedupe,
        "facts": dict(batch.facts),
    }


def _batch(described: dict[str, Any], segments: Sequence[Path]) -> Batch:
    return Batch(
        key=described["key"],
        stream=Stream(org=described["org"], source=described["source"], name=described["stream"]),
        event_type=described["event_type"],
        nominal=datetime.fromisoformat(described["nominal"]),
        received=datetime.fromisoformat(described["received"]),
        segments=tuple(segments),
        columns=tuple(described["columns"]),
        record_prefix=described["record_prefix"],
        dedupe=described["dedupe"],
        cursor=None,
        facts=described["facts"],
    )


def _write(path: Path, text: str) -> None:
    part = path.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    descriptor = os.open(part, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    part.replace(path)
