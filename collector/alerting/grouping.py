"""Chains: what follows in event time with no gap longer than the window is one episode."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from collector.alerting.summary import MatchSummary, combine_summaries
from collector.model import Match

_COMBINE_SIZE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeItem:
    """One thing in a chain: a stored alert as a whole, a member of a broken one, or a fresh match.

    Attributes:
        whole: the id of the alert that it is the whole of.
        part_of: the id of the broken alert that it is, or was, in.
        is_opener: whether it is what opened that alert.
        fresh: the match, if it is one.
    """

    summary: MatchSummary
    whole_alert_id: str = ""
    former_alert_id: str = ""
    is_opener: bool = False
    new_match: Match | None = None

    @property
    def start(self) -> datetime:
        """Links are chained in the order of their starts."""
        return self.summary.first_time


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One episode.

    Attributes:
        total: what all its matches come to.
        wholes: ids of the stored alerts that are in it as they are.
        parts: ids of the broken alerts that something in it comes from; of those `opened`, what
            opened it is here.
        fresh: the matches that are new to it.
        members: uids of what is left of broken alerts, each with that alert's id.
    """

    summary: MatchSummary
    whole_alert_ids: tuple[str, ...]
    former_alert_ids: tuple[str, ...]
    opener_alert_ids: frozenset[str]
    new_matches: tuple[Match, ...]
    remaining_matches: tuple[tuple[str, str], ...]


def group_episodes(items: Iterable[EpisodeItem], window: timedelta) -> list[Episode]:
    """The chains of links that come in the order of their starts, the earliest chain first."""
    chains: list[Episode] = []
    current = _EpisodeBuilder()
    for link in items:
        if current.end is not None and link.start > current.end + window:
            chains.append(current.build_episode())
            current = _EpisodeBuilder()
        current.add_item(link)
    return [*chains, current.build_episode()] if current.end is not None else chains


def find_successor(episodes: Sequence[Episode], alert_id: str) -> Episode | None:
    """Which chain goes on in a broken alert's name: the one with its opener, else the first."""
    parts = [found for found in episodes if alert_id in found.former_alert_ids]
    return next(
        (found for found in parts if alert_id in found.opener_alert_ids),
        parts[0] if parts else None,
    )


@dataclass(slots=True, kw_only=True)
class _EpisodeBuilder:
    """A chain that is being made; millions of members pass through it, some of them at a time."""

    end: datetime | None = None
    _summaries: list[MatchSummary] = field(default_factory=list)
    _whole_alert_ids: list[str] = field(default_factory=list)
    _former_alert_ids: dict[str, None] = field(default_factory=dict)
    _opener_alert_ids: set[str] = field(default_factory=set)
    _new_matches: list[Match] = field(default_factory=list)
    _remaining_matches: list[tuple[str, str]] = field(default_factory=list)

    def add_item(self, item: EpisodeItem) -> None:
        last = item.summary.last_time
        self.end = last if self.end is None else max(self.end, last)
        self._summaries.append(item.summary)
        if len(self._summaries) >= _COMBINE_SIZE:
            self._summaries = [combine_summaries(self._summaries)]
        if item.whole_alert_id:
            self._whole_alert_ids.append(item.whole_alert_id)
        if item.former_alert_id:
            self._former_alert_ids[item.former_alert_id] = None
        if item.is_opener:
            self._opener_alert_ids.add(item.former_alert_id)
        if item.new_match is not None:
            self._new_matches.append(item.new_match)
        elif item.former_alert_id:
            self._remaining_matches.append((item.summary.newest_uid, item.former_alert_id))

    def build_episode(self) -> Episode:
        return Episode(
            summary=combine_summaries(self._summaries),
            whole_alert_ids=tuple(self._whole_alert_ids),
            former_alert_ids=tuple(self._former_alert_ids),
            opener_alert_ids=frozenset(self._opener_alert_ids),
            new_matches=tuple(self._new_matches),
            remaining_matches=tuple(self._remaining_matches),
        )
