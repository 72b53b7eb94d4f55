"""Which files of a type and day are to become one: small ones, of about the same size first.

Each event is written again a few times at most: what was merged is not merged again before there is
about as much beside it.
"""

from __future__ import annotations

from collections.abc import Sequence

from collector.model import ArchiveFile

SMALL_FILE_BYTES = 8 << 20
"""A file of so many bytes is large enough: it stays as it is."""

MAX_SMALL_FILES = 12
"""So many small files of a day that goes on may be there; with more of them, some become one."""

MAX_SETTLED_FILES = 4
"""The same for a day that is over."""

MERGED_FILES = 8
"""So few small files at least become one."""

MAX_MERGED_FILES = 400
MAX_MERGED_BYTES = 32 << 20
"""What one merge reads at most."""

TIER_FACTOR = 8
"""Files of a tier have at most so many times the events of the smallest in it."""


def choose_files(files: Sequence[ArchiveFile], *, is_over: bool) -> list[ArchiveFile]:
    """Those of a type's and day's files that are to become one now; none where they are few.

    `is_over` tells whether the day is over.
    """
    small = sorted(
        (file for file in files if file.bytes < SMALL_FILE_BYTES),
        key=lambda file: (file.rows, file.path),
    )
    if len(small) <= (MAX_SETTLED_FILES if is_over else MAX_SMALL_FILES):
        return []
    wanted = min(MERGED_FILES, len(small))
    last_tier = _compute_tier(small[wanted - 1])
    return _limit_merge([file for file in small if _compute_tier(file) <= last_tier])


def _compute_tier(file: ArchiveFile) -> int:
    """How often its number of events can be divided."""
    tier, rows = 0, file.rows
    while rows >= TIER_FACTOR:
        tier, rows = tier + 1, rows // TIER_FACTOR
    return tier


def _limit_merge(files: Sequence[ArchiveFile]) -> list[ArchiveFile]:
    """The first of them that one merge may read, two at least."""
    chosen: list[ArchiveFile] = []
    size = 0
    for file in files[:MAX_MERGED_FILES]:
        size += file.bytes
        if size > MAX_MERGED_BYTES and len(chosen) > 1:
            break
        chosen.append(file)
    return chosen
