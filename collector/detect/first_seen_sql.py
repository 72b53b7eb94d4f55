"""First-seen rules as SQL: runs of events with one key, and the events that begin one.

In a run, no event of the key comes more than `forget` after the one before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from collector.clock import DAY_MICROS, duration_to_micros, to_micros
from collector.detect.selected_events import (
    RuleRelation,
    list_value_columns,
    name_value_column,
    render_key_digest,
)
from collector.model import FirstSeen, Rule


class EventRun(NamedTuple):
    """The times (microseconds) of a run's first and last event, and the first one's uid."""

    start: int
    uid: str
    last: int


def as_first_seen(rule: Rule) -> FirstSeen:
    """The first-seen aggregation of a rule. Raises TypeError for rules of other kinds."""
    if isinstance(rule.aggregation, FirstSeen):
        return rule.aggregation
    raise TypeError(f"{rule.name} is no rule about what is first seen")


def join_runs(runs: Iterable[EventRun], forget: int) -> list[EventRun]:
    """Runs with those joined that lie no more than `forget` (microseconds) apart, in order.

    Only the ends of the given runs matter, since no pause within one is too long.
    """
    found: list[EventRun] = []
    for run in sorted(runs):
        if found and run.start - found[-1].last <= forget:
            found[-1] = found[-1]._replace(last=max(found[-1].last, run.last))
        else:
            found.append(run)
    return found


# ---- SQL


def select_key_events(part: RuleRelation) -> str:
    """SQL: the key's values, `us` (microseconds) and `uid` of each event that a rule selects."""
    columns = {"us": 'epoch_us("time")', "uid": "event_uid"}
    return part.select_events(as_first_seen(part.rule).key, columns)


def select_runs(rule: Rule, rows: Sequence[str]) -> str:
    """SQL: the runs (digest of the key, start, uid, last) of SELECTs of `select_key_events`."""
    first_seen = as_first_seen(rule)
    count = len(first_seen.key)
    keys = list_value_columns(count)
    order = f"OVER (PARTITION BY {keys} ORDER BY day)"
    forget = duration_to_micros(first_seen.forget)
    # Events of one day are one run, since `forget` is a day at least; few rows are left to sort.
    return (
        "WITH days AS ("
        f"SELECT {keys}, CAST(floor(us / {DAY_MICROS}) AS BIGINT) AS day,"
        " min(struct_pack(us := us, uid := uid)) AS head, max(us) AS tail"
        f" FROM ({' UNION ALL '.join(rows)}) GROUP BY ALL),"
        f" marked AS (SELECT *, CASE WHEN head.us - lag(tail) {order} <= {forget}"
        " THEN 0 ELSE 1 END AS opens FROM days),"
        f" numbered AS (SELECT *, sum(opens) {order} AS run FROM marked)"
        f" SELECT {render_key_digest(count)}, (min(head)).us, (min(head)).uid, max(tail)"
        f" FROM numbered GROUP BY {keys}, run"
    )


def select_matches(parts: Sequence[RuleRelation], *, since: datetime) -> str:
    """SQL: event_uid, time and last_seen of every event that was first seen, given all of them.

    Args:
        parts: the rule and its events, for each event type.
        since: when the history of the rule's event types begins.

    It needs nothing stored; live evaluation has the same result for the same events.
    """
    first_seen = as_first_seen(parts[0].rule)
    keys = ", ".join(name_value_column(place) for place in range(len(first_seen.key)))
    columns = {"event_uid": "event_uid", '"time"': '"time"', "us": 'epoch_us("time")'}
    rows = " UNION ALL ".join(
        part.select_events(as_first_seen(part.rule).key, columns) for part in parts
    )
    # Of an event with several keys that are new, what was never seen tells more.
    last_seen = "CASE WHEN count(last_seen) = count(*) THEN max(last_seen) END"
    before = f"lag({{}}) OVER (PARTITION BY {keys} ORDER BY us, event_uid)"
    return (
        f'SELECT event_uid, "time", {last_seen} AS last_seen FROM (SELECT *,'
        f" {before.format('us')} AS seen, {before.format(chr(34) + 'time' + chr(34))} AS last_seen"
        f" FROM ({rows}) AS events) AS events"
        f" WHERE us >= {to_micros(since) + duration_to_micros(first_seen.learn)}"
        f" AND (seen IS NULL OR us - seen > {duration_to_micros(first_seen.forget)})"
        ' GROUP BY event_uid, "time"'
    )
