"""Cuts a large batch into parts that are committed one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from collector.model import Batch
from collector.store.unfinished_batches import BatchProgress

SEGMENTS_PER_PART = 2
"""About 32 MB: a second or two of evaluation, for which urgent work waits at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPart:
    """Some of a batch's segments.

    Attributes:
        batch: the batch, with these segments alone.
        indexes: which of the whole batch's they are.
        next_segment: the segment that comes after the part; 0 if it is the last one.
        were_quarantined: whether they were set aside before, and are tried once more.
    """

    batch: Batch
    indexes: tuple[int, ...]
    next_segment: int
    were_quarantined: bool = False

    def build_progress(self, *, has_unfolded_matches: bool) -> BatchProgress:
        """How far the batch is once the part is committed."""
        return BatchProgress(segments=self.next_segment, has_unfolded_matches=has_unfolded_matches)


def split_batch(batch: Batch, *, start: int) -> Iterator[BatchPart]:
    """The parts of a batch from a segment on; the last segment is always in one.

    A window is one part: were it cut short it would be read again as another batch, so that the
    first one could never be whole.
    """
    count = len(batch.segments)
    size = count if batch.dedupe else SEGMENTS_PER_PART
    for first in range(min(start, count - 1), count, size):
        indexes = tuple(range(first, min(first + size, count)))
        after = indexes[-1] + 1
        yield BatchPart(
            batch=replace(batch, segments=tuple(batch.segments[index] for index in indexes)),
            indexes=indexes,
            next_segment=after if after < count else 0,
        )
