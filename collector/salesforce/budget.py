"""How often a source may be asked, given what is left of the org's API calls. Pure decisions."""

from __future__ import annotations

from dataclasses import dataclass
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
    rank = WORTH.index(kind) if kind in WORTH else len(WORTH) - 1
    return LAST_SLOW - (LAST_SLOW - FIRST_SLOW) * rank / (len(WORTH) - 1)


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
