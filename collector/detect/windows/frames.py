"""The words of SQL that all windows of a correlation are written in.

Columns that only the windows need begin with `#`, which no field can.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from collector.model import Correlation
from collector.text import sql_identifier

FIXED = ("event_uid", "event_type", "time", "received")
"""What is known of every event."""

MEASURED = ("metric", "event_count")
"""What is known of every window."""

# Microseconds since 1970: of RANGE over whole numbers, all engines have the same idea.
MOMENT = sql_identifier("#us")
VALUE = sql_identifier("#value")
FIRES = sql_identifier("#fires")

UNTIL_NOW = "UNBOUNDED PRECEDING AND CURRENT ROW"
BEFORE_NOW = "UNBOUNDED PRECEDING AND 1 PRECEDING"
JUST_NOW = "CURRENT ROW AND CURRENT ROW"
FROM_NOW = "CURRENT ROW AND UNBOUNDED FOLLOWING"


def group(place: int) -> str:
    """The column of the group-by name at that place."""
    return sql_identifier(f"#{place}")


def groups(correlation: Correlation) -> list[str]:
    """The columns of all group-by names."""
    return [group(place) for place in range(len(correlation.group_by))]


def is_of(rule: int) -> str:
    """The column that is 1 for events of that one of the rules, else 0."""
    return sql_identifier(f"#is{rule}")


def window(correlation: Correlation) -> str:
    """The frame of the window that ends with a row."""
    return f"{microseconds(correlation.timespan)} PRECEDING AND CURRENT ROW"


def reached(correlation: Correlation) -> str:
    """The frame of the rows whose windows a row lies in."""
    return f"CURRENT ROW AND {microseconds(correlation.timespan)} FOLLOWING"


def over(correlation: Correlation, frame: str) -> str:
    """The rows of a group that lie in a frame of time."""
    return f"OVER ({partition(correlation)}ORDER BY {MOMENT} RANGE BETWEEN {frame})"


def partition(correlation: Correlation) -> str:
    """PARTITION BY the groups, where there are any."""
    columns = groups(correlation)
    return f"PARTITION BY {', '.join(columns)} " if columns else ""


def listed(columns: Sequence[str]) -> str:
    """Columns as a list that goes on after another one."""
    return "".join(f", {column}" for column in columns)


def microseconds(span: timedelta) -> int:
    """A span of time as the windows count it."""
    return span // timedelta(microseconds=1)
