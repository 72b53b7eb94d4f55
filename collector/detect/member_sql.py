"""The events by which first-seen rules and baselines are members of correlations, as SQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from collector.detect import baseline_sql, first_seen_sql
from collector.detect.selected_events import RuleRelation, name_value_column
from collector.escaping import quote_identifier
from collector.model import Baseline, FirstSeen, Rule


def is_remembering(rule: Rule) -> bool:
    """Whether a rule compares with the past, so that more than an event decides what it matches."""
    return isinstance(rule.aggregation, FirstSeen | Baseline)


def select_members(parts: Sequence[RuleRelation], *, since: datetime) -> str:
    """SQL: the `event_uid` of each event by which a rule is a member, given all of its events.

    Args:
        parts: the rule and its events, for each event type.
        since: when the history of the rule's event types begins.

    It needs nothing stored; live evaluation has the same result for the same events.
    """
    if isinstance(parts[0].rule.aggregation, Baseline):
        return _select_scored_members(parts)
    matches = first_seen_sql.select_matches(parts, since=since)
    return f"SELECT event_uid FROM ({matches}) AS matches"


def select_window_members(parts: Sequence[RuleRelation], windows: str) -> str:
    """SQL: the `event_uid` of the event that stands for each of some windows of a baseline.

    That is the last one, and of several at that time the one of the least uid.

    Args:
        parts: the rule and its events, for each event type.
        windows: SELECT of `key` (digest of the group), `start` and `last` (microseconds).
    """
    rows = " UNION ALL ".join(map(baseline_sql.select_measured_events, parts))
    key = baseline_sql.render_group_digest(parts[0].rule)
    return (
        "SELECT min(uid) AS event_uid FROM"
        f" (SELECT {key} AS key, start, us AS last, uid FROM ({rows}) AS events) AS events"
        f" JOIN ({windows}) AS windows USING (key, start, last) GROUP BY key, start"
    )


def _select_scored_members(parts: Sequence[RuleRelation]) -> str:
    """SQL: the same of every window that fires."""
    groups = baseline_sql.as_baseline(parts[0].rule).group_by
    named = "".join(
        f", {quote_identifier(name)} AS {name_value_column(place)}"
        for place, name in enumerate(groups)
    )
    fired = (
        f"SELECT window_start AS start, last_time AS last{named}"
        f" FROM ({baseline_sql.select_scored_windows(parts)}) AS windows WHERE fires"
    )
    key = baseline_sql.render_group_digest(parts[0].rule)
    return select_window_members(
        parts, f"SELECT {key} AS key, start, last FROM ({fired}) AS windows"
    )
