"""Matches that follow each other in event time with no gap above the window are one episode."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from collector.alerting.summary import MatchSummary, combine_summaries
from collector.model import Match

_COMBINE_SIZE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeItem:
    """A part of an episode: a stored alert as a whole, a match of a rebuilt one, or a new match.

    Attributes:
        whole_alert_id: the id of the alert that it is the whole of.
        former_alert_id: the id of the rebuilt alert that it is, or was, in.
        is_opener: whether it is what opened that alert.
        new_match: the match, if it is new.
    """

    summary: MatchSummary
    whole_alert_id: str = ""
    former_alert_id: str = ""
    is_opener: bool = False
    new_match: Match | None = None

    @property
    def start(self) -> datetime:
        """When it begins; items are grouped in this order."""
        return self.summary.first_time


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One episode.

    Attributes:
        summary: that of all its matches.
        whole_alert_ids: of the stored alerts that are in it as they are.
        former_alert_ids: of the rebuilt alerts that something in it comes from.
        opener_alert_ids: of those whose first event is in it.
        new_matches: the matches that are new to it.
        remaining_matches: uids of what is left of rebuilt alerts, each with that alert's id.
    """

    summary: MatchSummary
    whole_alert_ids: tuple[str, ...]
    former_alert_ids: tuple[str, ...]
    opener_alert_ids: frozenset[str]
    new_matches: tuple[Match, ...]
    remaining_matches: tuple[tuple[str, str], ...]


def group_episodes(items: Iterable[EpisodeItem], window: timedelta) -> list[Episode]:
    """The episodes of items that come in the order of their starts, the earliest first."""
    episodes: list[Episode] = []
    current = _EpisodeBuilder()
    for item in items:
        if current.end is not None and item.start > current.end + window:
            episodes.append(current.build_episode())
            current = _EpisodeBuilder()
        current.add_item(item)
    return [*episodes, current.build_episode()] if current.end is not None else episodes


def find_successor(episodes: Sequence[Episode], alert_id: str) -> Episode | None:
    """The episode that goes on as a rebuilt alert: the one with its opener, else the first."""
    parts = [episode for episode in episodes if alert_id in episode.former_alert_ids]
    return next(
        (episode for episode in parts if alert_id in episode.opener_alert_ids),
        parts[0] if parts else None,
    )


@dataclass(slots=True, kw_only=True)
class _EpisodeBuilder:
    """An episode in the making; millions of matches pass through it, a few of them at a time."""

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
