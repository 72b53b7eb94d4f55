"""What came of compacting an archive, as JSON."""

from __future__ import annotations

from dataclasses import asdict

from collector.api.json_values import JsonObject, to_json_object
from collector.ingest.compaction import CompactionResult


def to_json(result: CompactionResult) -> JsonObject:
    """The result as one object."""
    return to_json_object(asdict(result))
