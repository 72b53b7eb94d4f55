"""How much room a disk has, and which errors mean that it has none."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DEFAULT_RESERVE_BYTES = 500_000_000
"""Room for the state, alerts and messages; what is fetched in bulk must not take it."""

URGENT_SHARE = 10
"""Small, urgent records may use all but the tenth part of the reserve."""

LOW_FACTOR = 3
"""With less than so many reserves the disk is low, and somebody is told."""

_FULL_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FULL_WORDS = ("disk is full", "no space left on device", "disk quota exceeded", "file too large")
"""As SQLite, DuckDB and PostgreSQL say it, who have no error number for us."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskSpace:
    """The room on the disk of a folder, in bytes, and how much of it is kept in reserve."""

    folder: Path
    free_bytes: int
    total_bytes: int
    reserve_bytes: int

    @property
    def is_low(self) -> bool:
        """Whether the reserve will soon be touched."""
        return self.free_bytes < LOW_FACTOR * self.reserve_bytes

    @property
    def is_short(self) -> bool:
        """Whether nothing may be fetched in bulk any more."""
        return self.free_bytes < self.reserve_bytes

    @property
    def is_exhausted(self) -> bool:
        """Whether nothing at all may be fetched any more."""
        return self.free_bytes < self.reserve_bytes // URGENT_SHARE

    def __str__(self) -> str:
        return (
            f"the disk of {self.folder} has {format_bytes(self.free_bytes)} free of"
            f" {format_bytes(self.total_bytes)}; {format_bytes(self.reserve_bytes)} are kept in"
            " reserve (`disk_reserve`)"
        )


def measure_disk_space(folder: Path, reserve_bytes: int) -> DiskSpace:
    """The room on the disk of a folder, which need not be there yet. Raises OSError."""
    present = next(path for path in (folder, *folder.parents) if path.exists())
    usage = shutil.disk_usage(present)
    return DiskSpace(
        folder=folder,
        free_bytes=usage.free,
        total_bytes=usage.total,
        reserve_bytes=reserve_bytes,
    )


def is_disk_full(error: BaseException) -> bool:
    """Whether an error, or what it comes from, says that nothing more can be stored."""
    return any(
        (isinstance(one, OSError) and one.errno in _FULL_ERRORS)
        or any(words in str(one).lower() for words in _FULL_WORDS)
        for one in _list_causes(error)
    )


def _list_causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def format_bytes(count: int) -> str:
    """A number of bytes as people read it: `1.5 GB`."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count} B"
