"""What polling an org takes of its API calls in a day, and how often it can be asked with that.

The daemon paces itself by it, and `collector check` and `collector status` print it. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from collector.collection import api_budget_policy
from collector.collection.api_budget_policy import DAY, ApiSpending, Pace, PollCost
from collector.sources import Source
from collector.sources.spec import StreamGroup

LEARNING_SPAN = timedelta(hours=1)
"""So much polling, at the rate that is expected, counts for as much as what was measured."""

GroupKey = tuple[str, str]
"""A source and the name of one of its groups of streams."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredCalls:
    """The calls that polls of a group's streams have taken in the last hours, and how many."""

    calls: int
    polls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrgFacts:
    """What is known of an org and of what was asked of it.

    Attributes:
        percent: our share of its calls.
        spending: None while the org has said nothing of its calls.
        stream_counts: how many streams each group has; groups that nobody looked at are left out.
        measured: the calls of the last hours.
        daily_files: how many log files the org has made in the last 24 hours.
        side_calls: our calls in the last 24 hours for files, for the past and for descriptions.
        queries_per_call: how many queries the org answers with one call.
    """

    percent: int
    spending: ApiSpending | None = None
    stream_counts: Mapping[GroupKey, int] = field(default_factory=dict)
    measured: Mapping[GroupKey, MeasuredCalls] = field(default_factory=dict)
    daily_files: int = 0
    side_calls: int = 0
    queries_per_call: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupForecast:
    """How often a group of streams is asked, and why.

    Attributes:
        streams: how many streams it has.
        configured: the interval that the configuration wants.
        interval: the one that the org's calls allow.
        configured_calls: what the configured interval takes in 24 hours.
        daily_calls: what the interval takes in 24 hours.
        reason: why the two differ; empty where they do not.
    """

    source: str
    name: str
    streams: int
    configured: timedelta
    interval: timedelta
    configured_calls: float
    daily_calls: float
    reason: str = ""
    is_paused: bool = False

    def __str__(self) -> str:
        return f"{self.source} ({self.name})" if self.name else self.source


@dataclass(frozen=True, slots=True, kw_only=True)
class CallForecast:
    """The day's calls of one org, by group of streams.

    Attributes:
        share: how many calls are ours in 24 hours; None while the org has said nothing.
        daily_files: how many log files are to be downloaded, each with one call.
        side_calls: what was spent in the last 24 hours on downloads, the past and descriptions.
        side_allowance: how much may be.
        fitting_percent: which `api_budget_percent` would fit without asking anything less often;
            None where none would, or nothing is known.
    """

    groups: tuple[GroupForecast, ...]
    percent: int
    share: int | None
    daily_files: int
    side_calls: int
    side_allowance: int | None
    fitting_percent: int | None

    @property
    def configured_calls(self) -> int:
        """What the configured intervals and the files take in 24 hours."""
        return round(sum(group.configured_calls for group in self.groups)) + self.daily_files

    @property
    def does_fit(self) -> bool:
        """Whether nothing has to be asked less often, and every file can be downloaded."""
        downloads_fit = self.side_allowance is None or self.daily_files <= self.side_allowance
        return downloads_fit and not any(group.reason for group in self.groups)

    def explain_download_pause(self) -> str:
        """Why no further file may be downloaded now; empty where it may."""
        if self.side_allowance is None or self.side_calls < self.side_allowance:
            return ""
        return (
            f"{self.side_calls:,} of the {self.side_allowance:,} API calls that"
            f" api_budget_percent: {self.percent} leaves to downloads in 24 h are used"
        )

    def list_intervals(self, source: str) -> Mapping[str, timedelta | None]:
        """How often each group of a source is asked; None for one that waits while others go on."""
        groups = [group for group in self.groups if group.source == source]
        is_paused = all(group.is_paused for group in groups)
        return {
            group.name: None if group.is_paused and not is_paused else group.interval
            for group in groups
        }


def forecast_calls(sources: Sequence[Source], facts: OrgFacts) -> CallForecast:
    """The day's calls of an org with these sources."""
    expected = _estimate_costs(sources, facts)
    costs = {
        (source.kind, group.name): PollCost(
            daily_calls=expected[source.kind, group.name],
            value_rank=group.value_rank,
            max_stretch=group.max_stretch,
        )
        for source in sources
        for group in source.groups
    }
    max_calls = facts.spending.max_calls if facts.spending else 0
    share = api_budget_policy.compute_share(max_calls, facts.percent) if max_calls else None
    stretches, side_allowance = _divide_calls(costs, facts.daily_files, share)
    total = sum(cost.daily_calls for cost in costs.values()) + facts.daily_files
    shortage = (
        f"polls and downloads take {total:,.0f} calls a day at the configured intervals, and"
        f" api_budget_percent: {facts.percent} allows us {share or 0:,}"
    )
    groups = [
        _forecast_group(
            source,
            group,
            cost=costs[source.kind, group.name],
            stretch=stretches[source.kind, group.name],
            facts=facts,
            shortage=shortage,
        )
        for source in sources
        for group in source.groups
    ]
    return CallForecast(
        groups=tuple(groups),
        percent=facts.percent,
        share=share,
        daily_files=facts.daily_files,
        side_calls=facts.side_calls,
        side_allowance=side_allowance,
        fitting_percent=_find_fitting_percent(costs, facts.daily_files, max_calls),
    )


def _divide_calls(
    costs: Mapping[GroupKey, PollCost], daily_files: int, share: int | None
) -> tuple[Mapping[GroupKey, float], int | None]:
    """How much longer each group waits, and what is left to downloads and the past."""
    if share is None:
        return dict.fromkeys(costs, 1.0), None
    planned = share * api_budget_policy.PLANNED_SHARE
    reserve = api_budget_policy.compute_download_reserve(costs, daily_files, planned_calls=planned)
    stretches = api_budget_policy.compute_stretch(costs, allowed_calls=planned - reserve)
    polling = sum(cost.daily_calls / stretches[key] for key, cost in costs.items())
    return stretches, max(int(planned - polling), 1)


def _forecast_group(
    source: Source,
    group: StreamGroup,
    *,
    cost: PollCost,
    stretch: float,
    facts: OrgFacts,
    shortage: str,
) -> GroupForecast:
    decision = api_budget_policy.decide_pace(
        group.value_rank, facts.spending, percent=facts.percent
    )
    factor = max(stretch, decision.interval_factor)
    return GroupForecast(
        source=source.kind,
        name=group.name,
        streams=_count_streams(source, group, facts),
        configured=group.interval,
        interval=timedelta(seconds=round((group.interval * factor).total_seconds(), 1)),
        configured_calls=cost.daily_calls,
        daily_calls=cost.daily_calls / factor,
        reason=shortage if stretch > decision.interval_factor else decision.reason,
        is_paused=decision.pace == Pace.PAUSE,
    )


def _find_fitting_percent(
    costs: Mapping[GroupKey, PollCost], daily_files: int, max_calls: int
) -> int | None:
    if not max_calls:
        return None
    calls = sum(cost.daily_calls for cost in costs.values())
    least_reserve, _ = api_budget_policy.DOWNLOAD_SHARES
    planned = max(calls + daily_files, calls / (1 - least_reserve))
    percent = math.ceil(planned / api_budget_policy.PLANNED_SHARE / max_calls * 100)
    return percent if percent <= 100 else None


# ---- what a group takes


def _estimate_costs(sources: Sequence[Source], facts: OrgFacts) -> Mapping[GroupKey, float]:
    """The calls of a day at the configured intervals, by what was measured as far as it was."""
    costs: dict[GroupKey, float] = {}
    for source in sources:
        expected = _expect_calls(source, facts)
        for group in source.groups:
            key = (source.kind, group.name)
            daily_polls = _count_streams(source, group, facts) * (DAY / group.interval)
            costs[key] = _blend_measured(expected[group.name], daily_polls, facts.measured.get(key))
    return costs


def _blend_measured(
    expected_calls: float, daily_polls: float, measured: MeasuredCalls | None
) -> float:
    """The calls of a day; what was expected counts for an hour of polls beside the measured."""
    if measured is None or not daily_polls:
        return expected_calls
    assumed_polls = max(daily_polls * (LEARNING_SPAN / DAY), 1.0)
    assumed_calls = expected_calls / daily_polls * assumed_polls
    return daily_polls * (assumed_calls + measured.calls) / (assumed_polls + measured.polls)


def _expect_calls(source: Source, facts: OrgFacts) -> Mapping[str, float]:
    """The calls of a day for each group, by how many streams it has.

    Where one call reads several streams, what a more valuable group leaves free in its calls is
    filled with the streams of the others.
    """
    batch_size = min(source.spec.queries_per_call, facts.queries_per_call)
    free_places, calls = 0.0, {}
    for group in source.groups:
        streams, daily_rounds = _count_streams(source, group, facts), DAY / group.interval
        left = max(0.0, streams * daily_rounds - free_places)
        rounds = min(daily_rounds, left)
        round_calls = math.ceil(left / rounds / batch_size) if rounds else 0
        calls[group.name] = rounds * round_calls * group.calls_per_poll
        free_places += rounds * round_calls * batch_size - streams * daily_rounds
        free_places = max(0.0, free_places)
    return calls


def _count_streams(source: Source, group: StreamGroup, facts: OrgFacts) -> int:
    return facts.stream_counts.get((source.kind, group.name), group.expected_streams)
