"""What could not be read: every segment of a log that is set aside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from collector.api.json_values import JsonObject
from collector.ingest import quarantine
from collector.ingest.state_paths import StatePaths
from collector.model import Batch
from collector.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantinedSegment:
    """One segment that is set aside: its batch, its place in the whole batch, and why."""

    batch: Batch
    index: int
    reason: str


def read_segments(settings: Settings) -> Iterator[QuarantinedSegment]:
    """Every segment that is set aside, by batch key and place."""
    for held in quarantine.list_batches(StatePaths(state_dir=settings.state_dir).quarantine):
        for index, reason in zip(held.indexes, held.reasons, strict=True):
            yield QuarantinedSegment(batch=held.batch, index=index, reason=reason)


def to_json(segment: QuarantinedSegment) -> JsonObject:
    """A segment as scripts read it."""
    return {
        "batch": segment.batch.key,
        "org": segment.batch.stream.org,
        "segment": segment.index,
        "event_type": segment.batch.event_type,
        "reason": segment.reason,
    }
