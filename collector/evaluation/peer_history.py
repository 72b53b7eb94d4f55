"""The windows of peers before a batch: the stored ones, or those of an archive just read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import sqlalchemy as sa

from collector.store import peer_windows
from collector.store.baseline_memory import BaselineSums, BaselineWindow, BaselineWindowKey
from collector.store.peer_windows import PeerPlace


class PeerHistory(Protocol):
    """The windows of groups that are compared with each other, before a batch."""

    def read_windows_from(
        self, places: Collection[PeerPlace], least: float
    ) -> Mapping[BaselineWindowKey, BaselineWindow]:
        """The windows of these places with at least that value."""
        ...

    def sum_windows_below(
        self, places: Collection[PeerPlace], least: float
    ) -> Mapping[PeerPlace, BaselineSums]:
        """By place, count, sum and sum of squares of its windows with less than that value."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPeers:
    """The stored windows of a rule."""

    connection: sa.Connection
    org: str
    rule: str

    def read_windows_from(
        self, places: Collection[PeerPlace], least: float
    ) -> Mapping[BaselineWindowKey, BaselineWindow]:
        """`PeerHistory.read_windows_from`."""
        return peer_windows.read_windows_from(
            self.connection, org=self.org, rule=self.rule, places=places, least=least
        )

    def sum_windows_below(
        self, places: Collection[PeerPlace], least: float
    ) -> Mapping[PeerPlace, BaselineSums]:
        """`PeerHistory.sum_windows_below`."""
        return peer_windows.sum_windows_below(
            self.connection, org=self.org, rule=self.rule, places=places, least=least
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivePeers:
    """All windows of a rule, just measured over the archive."""

    windows: Mapping[BaselineWindowKey, BaselineWindow]

    def read_windows_from(
        self, places: Collection[PeerPlace], least: float
    ) -> Mapping[BaselineWindowKey, BaselineWindow]:
        """`PeerHistory.read_windows_from`."""
        return {
            key: window
            for key, window in self.windows.items()
            if window.value >= least and find_place(key, window) in places
        }

    def sum_windows_below(
        self, places: Collection[PeerPlace], least: float
    ) -> Mapping[PeerPlace, BaselineSums]:
        """`PeerHistory.sum_windows_below`."""
        values: dict[PeerPlace, list[float]] = {}
        for key, window in self.windows.items():
            place = find_place(key, window)
            if window.value < least and place in places:
                values.setdefault(place, []).append(window.value)
        return {place: sum_values(of_place) for place, of_place in values.items()}


def find_place(key: BaselineWindowKey, window: BaselineWindow) -> PeerPlace:
    """Where a window is compared; `window` is of a baseline with peers."""
    return (window.peers or "", key[1])


def sum_values(values: Iterable[float]) -> BaselineSums:
    """How many values, their sum and that of the squares."""
    listed = list(values)
    return (len(listed), sum(listed), sum(value * value for value in listed))
