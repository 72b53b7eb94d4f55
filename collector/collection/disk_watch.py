"""Keeps polls from fetching what could not be stored."""

from __future__ import annotations

from math import inf
from pathlib import Path

from collector import clock
from collector.disk_space import measure_disk_space
from collector.errors import DiskFullError
from collector.sources import Source
from collector.sources.spec import Lane

FULL_DISK_REST_SECONDS = 300.0
"""How long nothing is fetched after the disk was full, although it seems to have room (a quota)."""


class DiskWatch:
    """Watches the disk of a folder. Safe to share between threads."""

    def __init__(self, folder: Path, reserve_bytes: int) -> None:
        self._folder = folder
        self._reserve_bytes = reserve_bytes
        self._rest_until = -inf
        self._reason = ""

    def check_room(self, source: Source) -> None:
        """Raise DiskFullError where what the source fetches could not be stored.

        What comes in bulk stops first: urgent records are small.
        """
        space = measure_disk_space(self._folder, self._reserve_bytes)
        is_urgent = source.spec.lane is Lane.URGENT
        if space.is_exhausted or (space.is_short and not is_urgent):
            raise DiskFullError(f"{space}: nothing is fetched until there is room")
        if clock.monotonic() < self._rest_until:
            raise DiskFullError(self._reason)

    def note_full_disk(self, error: Exception) -> DiskFullError:
        """The sentence for an error that says that the disk is full; for a while no poll begins."""
        space = measure_disk_space(self._folder, self._reserve_bytes)
        self._rest_until = clock.monotonic() + FULL_DISK_REST_SECONDS
        self._reason = (
            f"nothing more can be stored ({type(error).__name__}: the disk or a quota is full);"
            f" {space}: nothing is fetched until there is room"
        )
        return DiskFullError(self._reason)
