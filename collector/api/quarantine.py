"""Every segment of a log that could not be read and was set aside."""

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
    """One segment that is set aside: its batch, its index in the whole batch, and why."""

    batch: Batch
    index: int
    reason: str


def read_segments(settings: Settings) -> Iterator[QuarantinedSegment]:
    """Every segment that is set aside, by batch key and index."""
    for quarantined in quarantine.list_batches(StatePaths(state_dir=settings.state_dir).quarantine):
        for index, reason in zip(quarantined.indexes, quarantined.reasons, strict=True):
            yield QuarantinedSegment(batch=quarantined.batch, index=index, reason=reason)


def to_json(segment: QuarantinedSegment) -> JsonObject:
    """A segment as scripts read it."""
    return {
        "batch": segment.batch.key,
        "org": segment.batch.stream.org,
        "segment": segment.index,
        "event_type": segment.batch.event_type,
        "reason": segment.reason,
    }
