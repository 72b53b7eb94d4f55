"""What polling an org takes of its API calls in a day, and how often it can be asked with that.

The daemon paces itself by it, and `collector check` and `collector status` print it. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from collector.collection import api_budget_policy
from collector.collection.api_budget_policy import Pace, PollCost
from collector.collection.poll_costs import GroupKey, OrgFacts, count_streams, estimate_costs
from collector.sources import Source
from collector.sources.spec import StreamGroup

STRETCH_ROUNDS = 4
"""So often it is computed anew what groups take while others, whose calls they fill, wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupForecast:
    """How often a group of streams is asked, and why.

    Attributes:
        setting: the key of the source's settings that says how often.
        streams: how many streams it has.
        configured: the interval that the configuration wants.
        interval: the one that the org's calls allow.
        configured_calls: what the configured interval takes in 24 hours.
        daily_calls: what the interval takes in 24 hours.
        reason: why the two differ; empty where they do not.
    """

    source: str
    name: str
    setting: str
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
        shortage: the sentence that is the reason where our share is too small.
        configured_calls: what the configured intervals and the files take in 24 hours.
        own_calls: how many we have made in the last 24 hours.
        daily_files: how many log files are to be downloaded, each with one call.
        side_calls: what was spent in the last 24 hours on downloads, the past and descriptions.
        side_allowance: how much may be.
        fitting_percent: which `api_budget_percent` would fit without asking anything less often;
            None where none would, or nothing is known.
    """

    groups: tuple[GroupForecast, ...]
    percent: int
    share: int | None
    shortage: str
    configured_calls: int
    own_calls: int
    daily_files: int
    side_calls: int
    side_allowance: int | None
    fitting_percent: int | None

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
    configured_costs = estimate_costs(sources, facts, stretches={})
    max_calls = facts.spending.max_calls if facts.spending else 0
    share = api_budget_policy.compute_share(max_calls, facts.percent) if max_calls else None
    costs = configured_costs
    stretches, side_allowance = _divide_calls(costs, facts.daily_files, share)
    for _ in range(STRETCH_ROUNDS):
        costs = estimate_costs(sources, facts, stretches=stretches)
        stretches, side_allowance = _divide_calls(costs, facts.daily_files, share)
    configured_calls = round(
        sum(cost.daily_calls for cost in configured_costs.values()) + facts.daily_files
    )
    shortage = (
        f"polls and downloads take {configured_calls:,} calls a day at the configured intervals,"
        f" and api_budget_percent: {facts.percent} allows us {share or 0:,}"
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
        shortage=shortage,
        configured_calls=configured_calls,
        own_calls=facts.spending.own_calls if facts.spending else 0,
        daily_files=facts.daily_files,
        side_calls=facts.side_calls,
        side_allowance=side_allowance,
        fitting_percent=_find_fitting_percent(configured_costs, facts.daily_files, max_calls),
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
        setting=group.setting,
        streams=count_streams(source, group, facts),
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
