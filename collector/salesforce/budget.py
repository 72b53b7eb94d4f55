"""How often a source may be asked, given what is left of the org's API calls. Pure decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

WORTH = (
    "setup_audit_trail",
    "login_history",
    "bulk_jobs",
    "stored_events",
    "event_log_file",
    "oauth_tokens",
    "event_log_objects",
    "org_limits",
)
"""Sources, the most valuable first: what tells of an attack soonest, for the fewest calls."""

FIRST_SLOW, LAST_SLOW = 0.5, 0.9
"""Of our share, where the least and the most valuable source begin to be asked less often."""

LESS_OFTEN = 4.0
DEFAULT_STRETCH = 30.0
MOST_STRETCH = {"event_log_file": 3.0}
"""Most calls of event log files are downloads: asking for the list less often saves few of them."""

_DAY = timedelta(days=1)

HEADROOM = 0.8
"""Of the org's whole allowance, what may be used, by anybody, before we ask less often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """API calls in the last 24 hours: ours, everybody's, and how many the org may make."""

    ours: int
    used: int
    maximum: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Go on as usual, ask `factor` times less often, or pause; `reason` says why, in a sentence."""

    pace: Literal["go", "slow", "pause"]
    factor: float = 1.0
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a source takes: a poll of so many calls, as often as that."""

    every: timedelta
    calls: int

    @property
    def daily(self) -> float:
        """Calls in 24 hours."""
        return self.calls * (_DAY / self.every)


def stretch(costs: Mapping[str, Cost], *, allowed: int) -> dict[str, float]:
    """How many times longer to wait between two polls, so that a day's calls suffice.

    The least valuable sources wait longer first, each at most MOST_STRETCH times; where even that
    does not suffice, `verdict` ends the day early.
    """
    factors = dict.fromkeys(costs, 1.0)
    excess = sum(cost.daily for cost in costs.values()) - allowed
    for kind in sorted(costs, key=_rank, reverse=True):
        if excess <= 0:
            break
        daily = costs[kind].daily
        least = daily / MOST_STRETCH.get(kind, DEFAULT_STRETCH)
        kept = max(least, daily - excess)
        factors[kind] = daily / kept
        excess -= daily - kept
    return factors


def verdict(kind: str, spending: Spending | None, *, percent: int) -> Verdict:
    """What a source may do while we keep to `percent` of the org's daily calls.

    Without knowledge of the spending (before the first answer) everything goes on.
    """
    if spending is None or spending.maximum <= 0:
        return Verdict(pace="go")
    share = spending.ours / max(1, spending.maximum * percent // 100)
    whole = spending.used / spending.maximum
    if share >= 1:
        return Verdict(pace="pause", reason=_ours(spending, percent))
    if whole >= 1:
        return Verdict(pace="pause", reason=_everybody(spending))
    if share >= _slow_from(kind):
        return Verdict(pace="slow", factor=LESS_OFTEN, reason=_ours(spending, percent))
    if whole >= HEADROOM:
        return Verdict(pace="slow", factor=LESS_OFTEN, reason=_everybody(spending))
    return Verdict(pace="go")


def _slow_from(kind: str) -> float:
    """The part of our share from which on this source is asked less often."""
    return LAST_SLOW - (LAST_SLOW - FIRST_SLOW) * _rank(kind) / (len(WORTH) - 1)


def _rank(kind: str) -> int:
    return WORTH.index(kind) if kind in WORTH else len(WORTH) - 1


def _ours(spending: Spending, percent: int) -> str:
    allowed = spending.maximum * percent // 100
    return (
        f"{spending.ours:,} of the {allowed:,} API calls that api_budget_percent: {percent} allows"
        " us in 24 h are used"
    )


def _everybody(spending: Spending) -> str:
    return (
        f"{spending.used:,} of the org's {spending.maximum:,} daily API calls are used, by"
        " everybody together"
    )
