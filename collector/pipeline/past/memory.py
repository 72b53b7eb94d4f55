"""The windows of the past: those that are remembered, and those of an archive just read."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import sqlalchemy as sa

from collector.store import learned, measures
from collector.store.learned import BASELINE
from collector.store.measures import Measure, Place, Sums


class Past(Protocol):
    """The windows of groups, as they were before a batch."""

    def windows(self, keys: Collection[str], first: int, last: int) -> dict[Place, Measure]:
        """The windows of those groups that start from `first` to `last`, both included."""
        ...

    def sums(self, keys: Collection[str], first: int, until: int) -> Mapping[str, Sums]:
        """Of each of those groups, its windows that start from `first` on and before `until`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What is remembered of a rule."""

    connection: sa.Connection
    org: str
    rule: str

    def windows(self, keys: Collection[str], first: int, last: int) -> dict[Place, Measure]:
        """The windows of those groups that start from `first` to `last`, both included."""
        return measures.between(
            self.connection, org=self.org, rule=self.rule, keys=keys, first=first, last=last
        )

    def sums(self, keys: Collection[str], first: int, until: int) -> Mapping[str, Sums]:
        """Of each of those groups, its windows that start from `first` on and before `until`."""
        return measures.sums(
            self.connection, org=self.org, rule=self.rule, keys=keys, first=first, until=until
        )


class Read:
    """What has just been read from the archive, of some groups."""

    def __init__(self, windows: Mapping[Place, Measure], keys: Collection[str]) -> None:
        self._by_key: dict[str, list[tuple[int, Measure]]] = {key: [] for key in keys}
        for (key, start), each in windows.items():
            if key in self._by_key:
                self._by_key[key].append((start, each))

    def windows(self, keys: Collection[str], first: int, last: int) -> dict[Place, Measure]:
        """The windows of those groups that start from `first` to `last`, both included."""
        return {
            (key, start): each
            for key in keys
            for start, each in self._by_key[key]
            if first <= start <= last
        }

    def sums(self, keys: Collection[str], first: int, until: int) -> Mapping[str, Sums]:
        """Of each of those groups, its windows that start from `first` on and before `until`."""
        found = {}
        for key in keys:
            past = [each.value for start, each in self._by_key[key] if first <= start < until]
            found[key] = (len(past), sum(past), sum(value * value for value in past))
        return found


def keep(
    connection: sa.Connection,
    *,
    org: str,
    rule: str,
    before: Mapping[Place, Measure],
    after: Mapping[Place, Measure],
) -> None:
    """Remember what is different."""
    changed = [(place, each) for place, each in after.items() if before.get(place) != each]
    measures.forget(connection, org=org, rule=rule, places=before.keys() - after.keys())
    measures.remember(connection, org=org, rule=rule, windows=changed)


def build(
    connection: sa.Connection, *, org: str, rule: str, form: str, windows: Mapping[Place, Measure]
) -> None:
    """Remember these windows and nothing else, as those of this form of the rule."""
    measures.clear(connection, org=org, rule=rule)
    measures.remember(connection, org=org, rule=rule, windows=windows.items())
    learned.learn(connection, org=org, kind=BASELINE, rule=rule, fingerprint=form)


def lose(connection: sa.Connection, *, org: str, rule: str) -> None:
    """Remember nothing of the rule, until it is made anew."""
    measures.clear(connection, org=org, rule=rule)
    learned.unlearn(connection, org=org, kind=BASELINE, rule=rule)


def recent(
    past: Past,
    now: Mapping[Place, Measure],
    gone: Collection[Place],
    places: Collection[Place],
    history: int,
) -> dict[Place, Sequence[tuple[int, float]]]:
    """Starts and values of the windows in the past of each place, in order.

    `now` are windows as they are, whatever they were in the past; those that are `gone` and not
    among them have no events any more.
    """
    if not places:
        return {}
    starts = [start for _, start in places]
    stored = past.windows({key for key, _ in places}, min(starts) - history, max(starts))
    kept = {place: each for place, each in stored.items() if place not in gone}
    by_key: dict[str, list[tuple[int, float]]] = {}
    for (key, start), each in sorted({**kept, **now}.items()):
        by_key.setdefault(key, []).append((start, each.value))
    return {
        (key, start): [each for each in by_key[key] if start - history <= each[0] < start]
        for key, start in places
    }
