"""The events that lie in windows that fire, each with the window that it ends, as SQL."""

from __future__ import annotations

import re

from collector.detect.severity import severity
from collector.detect.windows.frames import (
    FIRES,
    FIXED,
    FROM_NOW,
    MOMENT,
    group,
    listed,
    microseconds,
    over,
    window,
)
from collector.detect.windows.rows import correlation_of
from collector.model import Correlation, Rule, Severity
from collector.text import sql_identifier, sql_literal

APART = "#"
"""What parts the uid of an event from the mark of the group in which it is a member."""

_MARK = 16
_MARKED = re.compile(rf"{APART}[0-9a-f]{{{_MARK}}}\Z")

_NEXT = sql_identifier("#next")
_COMPLETE = sql_identifier("#complete")


def named_groups(correlation: Correlation) -> list[tuple[str, str]]:
    """The columns of the group-by names, and as what they are shown beside the fixed ones."""
    return [
        (group(place), sql_identifier(name))
        for place, name in enumerate(correlation.group_by)
        if name not in FIXED
    ]


def member_uid(correlation: Correlation) -> str:
    """The uid of a member's event, and a mark of its group; columns are those of `in_firing`."""
    texts = ", ".join(f"CAST({sql_identifier(name)} AS VARCHAR)" for name in correlation.group_by)
    mark = f"left(sha256(CAST(to_json([{texts}]) AS VARCHAR)), {_MARK})"
    return f"event_uid || {sql_literal(APART)} || {mark}"


def event_uid(member: str) -> str:
    """The uid of a member's event, given what `member_uid` gives or a plain one."""
    return _MARKED.sub("", member)


def in_firing(rule: Rule, anchors: str) -> str:
    """The members, given the SQL of the anchors."""
    correlation = correlation_of(rule)
    names = [name for _, name in named_groups(correlation)]
    start = f"time - INTERVAL {microseconds(correlation.timespan)} MICROSECONDS"
    own = {
        "metric": "metric",
        "event_count": "event_count",
        "window_start": start,
        "window_end": "time",
    }
    shown = [f"CASE WHEN {FIRES} THEN {what} END AS {name}" for name, what in own.items()]
    # What is seen does not change with what comes later, unless it comes into the same window: so
    # of the events of a burst, few have to be looked at again while it goes on.
    least = int(Severity.INFORMATIONAL)
    shown.append(f"CASE WHEN {FIRES} THEN {severity(rule)} ELSE {least} END AS severity")
    shown.append(f"CASE WHEN {FIRES} THEN {_COMPLETE} ELSE received END AS complete")
    columns = ", ".join([*FIXED, *names, *shown])
    return f"SELECT {columns} FROM ({_near(correlation, anchors)}) AS events"


def _near(correlation: Correlation, anchors: str) -> str:
    """The anchors that lie in a window that fires, with the groups by their names."""
    named = [f"{column} AS {name}" for column, name in named_groups(correlation)]
    following = f"min(CASE WHEN {FIRES} THEN {MOMENT} END) {over(correlation, FROM_NOW)} AS {_NEXT}"
    complete = f"max(received) {over(correlation, window(correlation))} AS {_COMPLETE}"
    return (
        f"SELECT * FROM (SELECT *{listed(named)}, {following}, {complete}"
        f" FROM ({anchors}) AS events) AS events"
        f" WHERE {_NEXT} <= {MOMENT} + {microseconds(correlation.timespan)}"
    )
