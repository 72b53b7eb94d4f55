"""What polling each group of streams takes of an org's API calls in a day. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from collector.collection.api_budget_policy import DAY, ApiSpending, PollCost
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


def estimate_costs(
    sources: Sequence[Source], facts: OrgFacts, *, stretches: Mapping[GroupKey, float]
) -> Mapping[GroupKey, PollCost]:
    """What each group takes at its configured interval, by what was measured as far as it was.

    `stretches` is how many times less often groups are asked: whatever fills their calls has fewer
    places then.
    """
    costs: dict[GroupKey, PollCost] = {}
    for source in sources:
        expected = _expect_calls(source, facts, stretches)
        for group in source.groups:
            key = (source.kind, group.name)
            daily_polls = count_streams(source, group, facts) * (DAY / group.interval)
            costs[key] = PollCost(
                daily_calls=_blend_measured(
                    expected[group.name], daily_polls, facts.measured.get(key)
                ),
                value_rank=group.value_rank,
                max_stretch=group.max_stretch,
            )
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


def _expect_calls(
    source: Source, facts: OrgFacts, stretches: Mapping[GroupKey, float]
) -> Mapping[str, float]:
    """The calls of a day for each group, by how many streams it has.

    Where one call reads several streams, what a more valuable group leaves free in its calls is
    filled with the streams of the others.
    """
    batch_size = min(source.spec.queries_per_call, facts.queries_per_call)
    free_places, calls = 0.0, {}
    for group in source.groups:
        daily_rounds = DAY / group.interval
        daily_polls = count_streams(source, group, facts) * daily_rounds
        left = max(0.0, daily_polls - free_places)
        rounds = min(daily_rounds, left)
        round_calls = math.ceil(left / rounds / batch_size) if rounds else 0
        calls[group.name] = rounds * round_calls * group.calls_per_poll
        stretch = stretches.get((source.kind, group.name), 1.0)
        free_places = (free_places + rounds * round_calls * batch_size - daily_polls) / stretch
        free_places = max(0.0, free_places)
    return calls


def count_streams(source: Source, group: StreamGroup, facts: OrgFacts) -> int:
    """How many streams a group has, or is expected to have."""
    return facts.stream_counts.get((source.kind, group.name), group.expected_streams)
