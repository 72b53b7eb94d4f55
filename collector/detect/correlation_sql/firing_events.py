"""The events that lie in windows that fire, each with the window that it ends, as SQL."""

from __future__ import annotations

import re

from collector.clock import duration_to_micros
from collector.detect.correlation_sql.frames import (
    FIRES_COLUMN,
    FROM_NOW,
    MICROS_COLUMN,
    append_columns,
    name_group_column,
    render_over_clause,
    render_window_frame,
)
from collector.detect.correlation_sql.input_rows import (
    as_correlation,
    list_carried_fields,
    name_carried_column,
)
from collector.detect.correlation_sql.member_conditions import (
    list_answer_columns,
    list_window_answers,
)
from collector.detect.severity_sql import build_severity_sql
from collector.escaping import quote_identifier, quote_literal
from collector.model import Correlation, Rule, Severity
from collector.model.event_columns import HEADER_COLUMNS

UID_SEPARATOR = "#"
"""Separates the uid of an event from the mark of its group."""

_MARK_LENGTH = 16
_MARK_PATTERN = re.compile(rf"{UID_SEPARATOR}[0-9a-f]{{{_MARK_LENGTH}}}\Z")

_NEXT_COLUMN = quote_identifier("#next")
_COMPLETE_COLUMN = quote_identifier("#complete")


def list_named_groups(correlation: Correlation) -> list[tuple[str, str]]:
    """The columns of the group-by names, each with its quoted name, without the header columns."""
    return [
        (name_group_column(place), quote_identifier(name))
        for place, name in enumerate(correlation.group_by)
        if name not in HEADER_COLUMNS
    ]


def render_grouped_uid(correlation: Correlation) -> str:
    """SQL: a member's event_uid and a mark of its group, over rows of `select_in_firing`."""
    texts = ", ".join(f"CAST({quote_identifier(name)} AS VARCHAR)" for name in correlation.group_by)
    mark = f"left(sha256(CAST(to_json([{texts}]) AS VARCHAR)), {_MARK_LENGTH})"
    return f"event_uid || {quote_literal(UID_SEPARATOR)} || {mark}"


def mark_event_uid(digest: str, event_uid: str) -> str:
    """An event_uid with a mark of what it was matched for, given the digest of that (hex)."""
    return f"{event_uid}{UID_SEPARATOR}{digest[:_MARK_LENGTH]}"


def strip_group_mark(match_uid: str) -> str:
    """The uid of a member's event, given its match uid with or without a mark."""
    return _MARK_PATTERN.sub("", match_uid)


def select_in_firing(rule: Rule, anchors: str) -> str:
    """SQL: the firing events, given the SQL of the anchors."""
    correlation = as_correlation(rule)
    names = [name for _, name in list_named_groups(correlation)]
    start, end = _render_window_bounds(correlation)
    window_columns = {
        "metric": "metric",
        "event_count": "event_count",
        "window_start": start,
        "window_end": end,
    }
    selected = [
        f"CASE WHEN {FIRES_COLUMN} THEN {expression} END AS {name}"
        for name, expression in window_columns.items()
    ]
    # A row changes only with events that come into its own window: so during a burst, few have to
    # be evaluated again.
    lowest = int(Severity.INFORMATIONAL)
    selected.append(
        f"CASE WHEN {FIRES_COLUMN} THEN {build_severity_sql(rule)} ELSE {lowest} END AS severity"
    )
    selected.append(
        f"CASE WHEN {FIRES_COLUMN} THEN {_COMPLETE_COLUMN} ELSE received END AS complete"
    )
    answers = list_answer_columns(correlation)
    carried = [
        f"{name_carried_column(field)} AS {quote_identifier(field)}"
        for field in list_carried_fields(correlation, ())
    ]
    columns = ", ".join([*HEADER_COLUMNS, *names, *selected, *answers, *carried])
    return f"SELECT {columns} FROM ({_select_near_firing(correlation, anchors)}) AS events"


def _render_window_bounds(correlation: Correlation) -> tuple[str, str]:
    """When the window of a row begins and ends."""
    length = f"INTERVAL {duration_to_micros(correlation.timespan)} MICROSECONDS"
    return ("time", f"time + {length}") if correlation.absent else (f"time - {length}", "time")


def _select_near_firing(correlation: Correlation, anchors: str) -> str:
    """SQL: the anchors that lie in a window that fires, with the groups by their names."""
    named = [f"{column} AS {name}" for column, name in list_named_groups(correlation)]
    following = render_over_clause(correlation, FROM_NOW)
    window = render_over_clause(correlation, render_window_frame(correlation))
    answers = list_window_answers(correlation, window)
    return (
        f"SELECT * FROM (SELECT *{append_columns([*named, *answers])},"
        f" min(CASE WHEN {FIRES_COLUMN} THEN {MICROS_COLUMN} END) {following} AS {_NEXT_COLUMN},"
        f" max(received) {window} AS {_COMPLETE_COLUMN}"
        f" FROM ({anchors}) AS events) AS events"
        f" WHERE {_NEXT_COLUMN} <= {MICROS_COLUMN} + {duration_to_micros(correlation.timespan)}"
    )
