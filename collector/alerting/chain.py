"""Chains: what follows in event time with no gap longer than the window is one episode."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from collector.alerting.summary import Summary, combined
from collector.model import Match

_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One thing in a chain: a stored alert as a whole, a member of a broken one, or a fresh match.

    Attributes:
        whole: the id of the alert that it is the whole of.
        part_of: the id of the broken alert that it is, or was, in.
        is_opener: whether it is what opened that alert.
        fresh: the match, if it is one.
    """

    summary: Summary
    whole: str = ""
    part_of: str = ""
    is_opener: bool = False
    fresh: Match | None = None

    @property
    def start(self) -> datetime:
        """Links are chained in the order of their starts."""
        return self.summary.first_time


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """One episode.

    Attributes:
        total: what all its matches come to.
        wholes: ids of the stored alerts that are in it as they are.
        parts: ids of the broken alerts that something in it comes from; of those `opened`, what
            opened it is here.
        fresh: the matches that are new to it.
        members: uids of what is left of broken alerts, each with that alert's id.
    """

    total: Summary
    wholes: tuple[str, ...]
    parts: tuple[str, ...]
    opened: frozenset[str]
    fresh: tuple[Match, ...]
    members: tuple[tuple[str, str], ...]


def chained(links: Iterable[Link], window: timedelta) -> list[Chain]:
    """The chains of links that come in the order of their starts, the earliest chain first."""
    chains: list[Chain] = []
    current = _Growing()
    for link in links:
        if current.end is not None and link.start > current.end + window:
            chains.append(current.grown())
            current = _Growing()
        current.add(link)
    return [*chains, current.grown()] if current.end is not None else chains


def heir(chains: Sequence[Chain], broken: str) -> Chain | None:
    """Which chain goes on in a broken alert's name: the one with its opener, else the first."""
    parts = [found for found in chains if broken in found.parts]
    return next((found for found in parts if broken in found.opened), parts[0] if parts else None)


@dataclass(slots=True, kw_only=True)
class _Growing:
    """A chain that is being made; millions of members pass through it, some of them at a time."""

    end: datetime | None = None
    _summaries: list[Summary] = field(default_factory=list)
    _wholes: list[str] = field(default_factory=list)
    _parts: dict[str, None] = field(default_factory=dict)
    _opened: set[str] = field(default_factory=set)
    _fresh: list[Match] = field(default_factory=list)
    _members: list[tuple[str, str]] = field(default_factory=list)

    def add(self, link: Link) -> None:
        last = link.summary.last_time
        self.end = last if self.end is None else max(self.end, last)
        self._summaries.append(link.summary)
        if len(self._summaries) >= _AT_ONCE:
            self._summaries = [combined(self._summaries)]
        if link.whole:
            self._wholes.append(link.whole)
        if link.part_of:
            self._parts[link.part_of] = None
        if link.is_opener:
            self._opened.add(link.part_of)
        if link.fresh is not None:
            self._fresh.append(link.fresh)
        elif link.part_of:
            self._members.append((link.summary.newest, link.part_of))

    def grown(self) -> Chain:
        return Chain(
            total=combined(self._summaries),
            wholes=tuple(self._wholes),
            parts=tuple(self._parts),
            opened=frozenset(self._opened),
            fresh=tuple(self._fresh),
            members=tuple(self._members),
        )
