"""The past windows of a baseline: the stored ones, or those of an archive just read."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import sqlalchemy as sa

from collector.store import baseline_memory, rule_fingerprints, rule_memory
from collector.store.baseline_memory import BaselineSums, BaselineWindow, BaselineWindowKey
from collector.store.rule_fingerprints import BASELINE_KIND


class BaselineHistory(Protocol):
    """The windows of groups before a batch; times are microseconds."""

    def read_windows(
        self, keys: Collection[str], first: int, last: int
    ) -> dict[BaselineWindowKey, BaselineWindow]:
        """The windows of those groups that start from `first` to `last`, both included."""
        ...

    def sum_windows(
        self, keys: Collection[str], first: int, until: int
    ) -> Mapping[str, BaselineSums]:
        """By group, count, sum and sum of squares of windows with `first` <= start < `until`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredHistory:
    """The stored windows of a rule."""

    connection: sa.Connection
    org: str
    rule: str

    def read_windows(
        self, keys: Collection[str], first: int, last: int
    ) -> dict[BaselineWindowKey, BaselineWindow]:
        """`BaselineHistory.read_windows`."""
        return baseline_memory.read_windows(
            self.connection, org=self.org, rule=self.rule, keys=keys, first=first, last=last
        )

    def sum_windows(
        self, keys: Collection[str], first: int, until: int
    ) -> Mapping[str, BaselineSums]:
        """`BaselineHistory.sum_windows`."""
        return baseline_memory.sum_windows(
            self.connection, org=self.org, rule=self.rule, keys=keys, first=first, until=until
        )


class ArchiveHistory:
    """The windows of some groups, just measured over the archive."""

    def __init__(
        self, windows: Mapping[BaselineWindowKey, BaselineWindow], keys: Collection[str]
    ) -> None:
        self._windows_by_key: dict[str, list[tuple[int, BaselineWindow]]] = {
            key: [] for key in keys
        }
        for (key, start), window in windows.items():
            if key in self._windows_by_key:
                self._windows_by_key[key].append((start, window))

    def read_windows(
        self, keys: Collection[str], first: int, last: int
    ) -> dict[BaselineWindowKey, BaselineWindow]:
        """`BaselineHistory.read_windows`."""
        return {
            (key, start): window
            for key in keys
            for start, window in self._windows_by_key[key]
            if first <= start <= last
        }

    def sum_windows(
        self, keys: Collection[str], first: int, until: int
    ) -> Mapping[str, BaselineSums]:
        """`BaselineHistory.sum_windows`."""
        sums = {}
        for key in keys:
            values = [
                window.value
                for start, window in self._windows_by_key[key]
                if first <= start < until
            ]
            sums[key] = (len(values), sum(values), sum(value * value for value in values))
        return sums


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowReplacement:
    """All windows that a rule remembers from now on, as those of its present form."""

    org: str
    rule: str
    fingerprint: str
    windows: Mapping[BaselineWindowKey, BaselineWindow]

    def save(self, connection: sa.Connection) -> None:
        """Write it into the state transaction."""
        of_rule = {"org": self.org, "rule": self.rule}
        rule_memory.forget_rule(connection, kind=BASELINE_KIND, **of_rule)
        baseline_memory.save_windows(connection, windows=self.windows.items(), **of_rule)
        rule_fingerprints.save_fingerprint(
            connection, kind=BASELINE_KIND, fingerprint=self.fingerprint, **of_rule
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowUpdate:
    """The difference that a batch makes to the windows that a rule remembers."""

    org: str
    rule: str
    before: Mapping[BaselineWindowKey, BaselineWindow]
    after: Mapping[BaselineWindowKey, BaselineWindow]

    def save(self, connection: sa.Connection) -> None:
        """Write it into the state transaction."""
        of_rule = {"org": self.org, "rule": self.rule}
        lost = self.before.keys() - self.after.keys()
        changed = [
            (key, window) for key, window in self.after.items() if self.before.get(key) != window
        ]
        baseline_memory.delete_windows(connection, window_keys=lost, **of_rule)
        baseline_memory.save_windows(connection, windows=changed, **of_rule)


def list_recent_windows(
    past: BaselineHistory,
    current: Mapping[BaselineWindowKey, BaselineWindow],
    emptied: Collection[BaselineWindowKey],
    window_keys: Collection[BaselineWindowKey],
    history: int,
) -> dict[BaselineWindowKey, Sequence[tuple[int, float]]]:
    """By window key, starts and values of the windows in its past, in order.

    `current` are windows as they are now, whatever `past` has for them; those of `emptied` that are
    not among them have no events any more.
    """
    if not window_keys:
        return {}
    starts = [start for _, start in window_keys]
    stored = past.read_windows({key for key, _ in window_keys}, min(starts) - history, max(starts))
    remaining = {key: window for key, window in stored.items() if key not in emptied}
    by_key: dict[str, list[tuple[int, float]]] = {}
    for (key, start), window in sorted({**remaining, **current}.items()):
        by_key.setdefault(key, []).append((start, window.value))
    return {
        (key, start): [window for window in by_key[key] if start - history <= window[0] < start]
        for key, start in window_keys
    }
