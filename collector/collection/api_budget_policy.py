"""How often a source may be asked, given what is left of the org's API calls. Pure decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from collector.sources.spec import LOWEST_VALUE_RANK

FIRST_SLOWDOWN_SHARE, LAST_SLOWDOWN_SHARE = 0.5, 0.9
"""Of our share, where the least and the most valuable source begin to be asked less often."""

SLOWDOWN_FACTOR = 4.0

_DAY = timedelta(days=1)

MAX_ORG_SHARE = 0.8
"""Of the org's whole allowance, what may be used, by anybody, before we ask less often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSpending:
    """API calls in the last 24 hours: ours, everybody's, and how many the org may make."""

    own_calls: int
    used_calls: int
    max_calls: int


class Pace(StrEnum):
    """How often a source may be asked: as usual, less often, or not at all."""

    GO = "go"
    SLOW = "slow"
    PAUSE = "pause"


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetDecision:
    """Ask at this pace, `interval_factor` times less often; `reason` says why, in a sentence."""

    pace: Pace
    interval_factor: float = 1.0
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PollCost:
    """What a source takes: a poll of so many calls, as often as that.

    `value_rank` and `max_stretch` are those of its spec.
    """

    interval: timedelta
    calls: int
    value_rank: int
    max_stretch: float

    @property
    def daily_calls(self) -> float:
        """Calls in 24 hours."""
        return self.calls * (_DAY / self.interval)


def compute_stretch(costs: Mapping[str, PollCost], *, allowed_calls: int) -> dict[str, float]:
    """How many times longer to wait between two polls, so that a day's calls suffice.

    The least valuable sources wait longer first, each at most `max_stretch` times; where even that
    does not suffice, `decide_pace` ends the day early.
    """
    factors = dict.fromkeys(costs, 1.0)
    excess = sum(cost.daily_calls for cost in costs.values()) - allowed_calls
    for kind in sorted(costs, key=lambda kind: costs[kind].value_rank, reverse=True):
        if excess <= 0:
            break
        daily = costs[kind].daily_calls
        affordable = max(daily / costs[kind].max_stretch, daily - excess)
        factors[kind] = daily / affordable
        excess -= daily - affordable
    return factors


def decide_pace(value_rank: int, spending: ApiSpending | None, *, percent: int) -> BudgetDecision:
    """What a source of that rank may do while we keep to `percent` of the org's daily calls.

    Without knowledge of the spending (before the first answer) everything goes on.
    """
    if spending is None or spending.max_calls <= 0:
        return BudgetDecision(pace=Pace.GO)
    own_share = spending.own_calls / max(1, spending.max_calls * percent // 100)
    org_share = spending.used_calls / spending.max_calls
    if own_share >= 1:
        return BudgetDecision(pace=Pace.PAUSE, reason=_explain_own_usage(spending, percent))
    if org_share >= 1:
        return BudgetDecision(pace=Pace.PAUSE, reason=_explain_org_usage(spending))
    if own_share >= _compute_slowdown_share(value_rank):
        return BudgetDecision(
            pace=Pace.SLOW,
            interval_factor=SLOWDOWN_FACTOR,
            reason=_explain_own_usage(spending, percent),
        )
    if org_share >= MAX_ORG_SHARE:
        return BudgetDecision(
            pace=Pace.SLOW, interval_factor=SLOWDOWN_FACTOR, reason=_explain_org_usage(spending)
        )
    return BudgetDecision(pace=Pace.GO)


def _compute_slowdown_share(value_rank: int) -> float:
    """The part of our share from which on a source of that rank is asked less often."""
    spread = LAST_SLOWDOWN_SHARE - FIRST_SLOWDOWN_SHARE
    return LAST_SLOWDOWN_SHARE - spread * value_rank / LOWEST_VALUE_RANK


def _explain_own_usage(spending: ApiSpending, percent: int) -> str:
    allowed_calls = spending.max_calls * percent // 100
    return (
        f"{spending.own_calls:,} of the {allowed_calls:,} API calls that api_budget_percent:"
        f" {percent} allows us in 24 h are used"
    )


def _explain_org_usage(spending: ApiSpending) -> str:
    return (
        f"{spending.used_calls:,} of the org's {spending.max_calls:,} daily API calls are used, by"
        " everybody together"
    )
