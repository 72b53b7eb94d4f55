"""What rules with a past match, over the whole archive and with nothing stored, as SQL."""

from __future__ import annotations

from collections.abc import Sequence

from collector.clock import EPOCH
from collector.detect import first_seen_sql, member_sql
from collector.detect.selected_events import RuleRelation
from collector.model import FirstSeen


def render_learnt_time(first_seen: FirstSeen, parts: Sequence[RuleRelation]) -> str:
    """SQL: the time from which a first-seen rule matches; `parts` have all of its events."""
    times = " UNION ALL ".join(f"SELECT time FROM {part.relation} AS events" for part in parts)
    history_start = f"SELECT min(time) FROM ({times}) AS events"
    return f"({history_start}) + INTERVAL {int(first_seen.learn.total_seconds())} SECONDS"


def select_member_uids(parts: Sequence[RuleRelation]) -> str:
    """SQL: the `event_uid` of each event by which the rule is a member of correlations."""
    aggregation = parts[0].rule.aggregation
    if not isinstance(aggregation, FirstSeen):
        return member_sql.select_members(parts, since=EPOCH)
    matches = first_seen_sql.select_matches(parts, since=EPOCH)
    return (
        f"SELECT event_uid FROM ({matches}) AS matches"
        f" WHERE time >= {render_learnt_time(aggregation, parts)}"
    )
