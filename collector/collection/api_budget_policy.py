"""How often groups of streams may be asked, given an org's API calls. Pure decisions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TypeVar

from collector.sources.spec import LOWEST_VALUE_RANK, THREAT_DETECTION_RANK

DAY = timedelta(days=1)

PLANNED_SHARE = 0.95
"""Of our share, what is planned for; of the rest threat detection alone may take."""

DOWNLOAD_SHARES = (0.1, 0.4)
"""Of what is planned for, the least that is left to downloads, and the most that they take from
the polls. Whatever the polls do not need is theirs, too."""

CHEAP_SHARE = 0.02
"""What takes less of the plan is not worth saving on."""

MAX_ORG_SHARE, MAX_THREAT_DETECTION_ORG_SHARE = 0.8, 0.9
"""Of the org's whole allowance, what may be used, by anybody, before we ask less often."""

SLOWDOWN_FACTOR = 4.0

KeyT = TypeVar("KeyT")


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
    """What polling a group of streams takes in 24 hours at the interval that is configured.

    `value_rank` and `max_stretch` are those of the group.
    """

    daily_calls: float
    value_rank: int
    max_stretch: float


def compute_share(max_calls: int, percent: int) -> int:
    """How many of an org's daily calls are ours."""
    return max_calls * percent // 100


def compute_download_reserve(
    costs: Mapping[KeyT, PollCost], daily_files: int, *, planned_calls: float
) -> float:
    """How many calls a day polls have to leave to downloads.

    That is what the files of a day take, within DOWNLOAD_SHARES, but no more than threat
    detection can do without. A backlog is none of the files of a day.
    """
    least, most = (share * planned_calls for share in DOWNLOAD_SHARES)
    dispensable = planned_calls - sum(
        _compute_floor(cost, planned_calls) for cost in costs.values()
    )
    return max(least, min(float(daily_files), most, dispensable))


def compute_stretch(costs: Mapping[KeyT, PollCost], *, allowed_calls: float) -> dict[KeyT, float]:
    """How many times longer to wait between two polls, so that a day's calls suffice.

    Expensive groups wait longer before cheap ones, and the more valuable may stay more expensive;
    threat detection waits only when all others wait as long as they may. Where even that does not
    suffice, all wait longer alike, so that no part of the day is blind.
    """
    calls = _choose_daily_calls(costs, allowed_calls)
    return {
        key: cost.daily_calls / calls[key] if calls[key] else 1.0 for key, cost in costs.items()
    }


def _choose_daily_calls(
    costs: Mapping[KeyT, PollCost], allowed_calls: float
) -> Mapping[KeyT, float]:
    """How many calls a day each group gets."""
    full = {key: cost.daily_calls for key, cost in costs.items()}
    if sum(full.values()) <= allowed_calls:
        return full
    floors = {key: _compute_floor(cost, allowed_calls) for key, cost in costs.items()}
    if sum(floors.values()) > allowed_calls:
        factor = max(allowed_calls, 1.0) / sum(floors.values())
        return {key: floor * factor for key, floor in floors.items()}
    last = {key for key, cost in costs.items() if cost.value_rank == THREAT_DETECTION_RANK}

    def list_lowered(level: float) -> Mapping[KeyT, float]:
        return {
            key: full[key]
            if key in last
            else max(floors[key], min(full[key], level * _compute_weight(cost)))
            for key, cost in costs.items()
        }

    if sum(list_lowered(0.0).values()) <= allowed_calls:
        return list_lowered(_find_level(list_lowered, max(full.values()), allowed_calls))
    left = allowed_calls - sum(floor for key, floor in floors.items() if key not in last)
    share = left / sum(full[key] for key in last)
    return {key: full[key] * share if key in last else floors[key] for key in costs}


def _find_level(
    list_calls: Callable[[float], Mapping[KeyT, float]], highest: float, allowed_calls: float
) -> float:
    """The highest level at which the calls suffice."""
    low, high = 0.0, highest
    for _ in range(50):
        middle = (low + high) / 2
        if sum(list_calls(middle).values()) <= allowed_calls:
            low = middle
        else:
            high = middle
    return low


def _compute_floor(cost: PollCost, allowed_calls: float) -> float:
    """The fewest calls a day that a group gets, as long as there is anything else to save on."""
    fewest = cost.daily_calls / cost.max_stretch
    if cost.value_rank == THREAT_DETECTION_RANK:
        return fewest
    return min(cost.daily_calls, max(fewest, CHEAP_SHARE * allowed_calls))


def _compute_weight(cost: PollCost) -> float:
    """How much more expensive than the least valuable group one may be: 1 to 2 times."""
    return 2.0 - cost.value_rank / LOWEST_VALUE_RANK


def decide_pace(value_rank: int, spending: ApiSpending | None, *, percent: int) -> BudgetDecision:
    """What a group of that rank may do while we keep to `percent` of the org's daily calls.

    Without knowledge of the spending (before the first answer) everything goes on. The end of our
    share is threat detection's alone.
    """
    if spending is None or spending.max_calls <= 0:
        return BudgetDecision(pace=Pace.GO)
    is_last = value_rank == THREAT_DETECTION_RANK
    own_share = spending.own_calls / max(1, compute_share(spending.max_calls, percent))
    org_share = spending.used_calls / spending.max_calls
    if own_share >= (1 if is_last else PLANNED_SHARE):
        return BudgetDecision(pace=Pace.PAUSE, reason=explain_own_usage(spending, percent))
    if org_share >= 1:
        return BudgetDecision(pace=Pace.PAUSE, reason=explain_org_usage(spending))
    if own_share >= PLANNED_SHARE:
        return _build_slowdown(explain_own_usage(spending, percent))
    if org_share >= (MAX_THREAT_DETECTION_ORG_SHARE if is_last else MAX_ORG_SHARE):
        return _build_slowdown(explain_org_usage(spending))
    return BudgetDecision(pace=Pace.GO)


def _build_slowdown(reason: str) -> BudgetDecision:
    return BudgetDecision(pace=Pace.SLOW, interval_factor=SLOWDOWN_FACTOR, reason=reason)


def explain_own_usage(spending: ApiSpending, percent: int) -> str:
    """How many of our calls are used, in words."""
    allowed_calls = compute_share(spending.max_calls, percent)
    return (
        f"{spending.own_calls:,} of the {allowed_calls:,} API calls that api_budget_percent:"
        f" {percent} allows us in 24 h are used"
    )


def explain_org_usage(spending: ApiSpending) -> str:
    """How many of the org's calls are used, in words."""
    return (
        f"{spending.used_calls:,} of the org's {spending.max_calls:,} daily API calls are used, by"
        " everybody together"
    )
