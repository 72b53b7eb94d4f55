"""SQL columns and window frames that all windows of a correlation share.

Columns that only the windows need begin with `#`, which no field can.
"""

from __future__ import annotations

from collections.abc import Sequence

from collector.clock import duration_to_micros
from collector.escaping import quote_identifier
from collector.model import Correlation

WINDOW_COLUMNS = ("metric", "event_count")
"""The computed columns of every window."""

# Microseconds since 1970: all engines agree on RANGE over whole numbers.
MICROS_COLUMN = quote_identifier("#us")
VALUE_COLUMN = quote_identifier("#value")
FIRES_COLUMN = quote_identifier("#fires")

UNTIL_NOW = "UNBOUNDED PRECEDING AND CURRENT ROW"
BEFORE_NOW = "UNBOUNDED PRECEDING AND 1 PRECEDING"
JUST_NOW = "CURRENT ROW AND CURRENT ROW"
FROM_NOW = "CURRENT ROW AND UNBOUNDED FOLLOWING"


def name_group_column(place: int) -> str:
    """The column of the group-by name at that place."""
    return quote_identifier(f"#{place}")


def list_group_columns(correlation: Correlation) -> list[str]:
    """The columns of all group-by names."""
    return [name_group_column(place) for place in range(len(correlation.group_by))]


def name_flag_column(rule: int) -> str:
    """The column that is 1 for events of that one of the rules, else 0."""
    return quote_identifier(f"#is{rule}")


def render_is_member(correlation: Correlation) -> str | None:
    """SQL: a row is of a rule that decides whether windows fire; None where all are."""
    if not correlation.optional:
        return None
    flags = [name_flag_column(place) for place in range(len(set(correlation.members)))]
    return " OR ".join(f"{flag} = 1" for flag in flags)


def render_member_count(correlation: Correlation) -> str:
    """SQL: an aggregate that counts the rows of these rules."""
    is_member = render_is_member(correlation)
    return f"count(CASE WHEN {is_member} THEN 1 END)" if is_member else "count(*)"


def render_micros(correlation: Correlation) -> str:
    """The time of a row for its windows: counted backwards where these begin with a row."""
    return "-epoch_us(time)" if correlation.absent else "epoch_us(time)"


def render_window_frame(correlation: Correlation) -> str:
    """The frame of the window that ends with a row."""
    return f"{duration_to_micros(correlation.timespan)} PRECEDING AND CURRENT ROW"


def render_over_clause(correlation: Correlation, frame: str) -> str:
    """The rows of a group that lie in a frame of time."""
    return f"OVER ({render_partition(correlation)}ORDER BY {MICROS_COLUMN} RANGE BETWEEN {frame})"


def render_partition(correlation: Correlation) -> str:
    """PARTITION BY the groups, where there are any."""
    columns = list_group_columns(correlation)
    return f"PARTITION BY {', '.join(columns)} " if columns else ""


def append_columns(columns: Sequence[str]) -> str:
    """Columns to be appended to a SQL list: each with a comma before it."""
    return "".join(f", {column}" for column in columns)
