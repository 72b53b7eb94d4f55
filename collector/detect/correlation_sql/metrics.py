"""The metric of the window that an event ends, and whether it fires, as SQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from collector.detect.correlation_sql.absence import build_absence_windows, drop_absent
from collector.detect.correlation_sql.frames import (
    FIRES_COLUMN,
    VALUE_COLUMN,
    render_is_member,
    render_member_count,
    render_over_clause,
    render_window_frame,
)
from collector.detect.correlation_sql.member_rows import HEAD_COLUMN, counts_members, mark_heads
from collector.detect.correlation_sql.rule_overlaps import RuleGroup
from collector.detect.correlation_sql.temporal import build_temporal_windows
from collector.model import Correlation

_SIGNS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "eq": "=", "neq": "<>"}


def select_measured_rows(
    correlation: Correlation,
    rows: str,
    overlaps: Sequence[RuleGroup],
    known_until: str | None = None,
) -> str:
    """The rows with `metric`, `event_count` and whether their window fires.

    `overlaps` are the rules that are to match, in groups that have no event type in common;
    `known_until` is as `build_absence_windows` says.
    """
    windows = render_over_clause(correlation, render_window_frame(correlation))
    if counts_members(correlation):
        return _select_counted_members(correlation, windows, rows)
    if correlation.type in _METRICS:
        metric, fires = _METRICS[correlation.type](correlation, windows), None
    else:
        temporal = build_temporal_windows(drop_absent(correlation), rows, overlaps)
        rows, metric, fires = temporal.rows, temporal.metric, temporal.fires
    fires = fires or _render_comparison(correlation)
    event_count = _render_event_count(correlation, windows)
    if correlation.absent:
        absence = build_absence_windows(correlation, rows, known_until)
        rows, fires = absence.rows, f"({fires}) AND {absence.holds}"
        metric = event_count
    if is_member := render_is_member(correlation):
        fires = f"({is_member}) AND ({fires})"
    return (
        f"SELECT *, COALESCE({fires}, FALSE) AS {FIRES_COLUMN}"
        f" FROM (SELECT *, CAST({metric} AS DOUBLE) AS metric, {event_count} AS event_count"
        f" FROM ({rows}) AS events) AS events"
    )


def _select_counted_members(correlation: Correlation, windows: str, rows: str) -> str:
    """The same where an event may have several of the values that are counted."""
    return (
        f"SELECT *, COALESCE({_render_comparison(correlation)}, FALSE) AS {FIRES_COLUMN}"
        f" FROM (SELECT *, CAST({_render_value_count(correlation, windows)} AS DOUBLE) AS metric,"
        f" count({HEAD_COLUMN}) {windows} AS event_count"
        f" FROM ({mark_heads(correlation, rows)}) AS events) AS events WHERE {HEAD_COLUMN} = 1"
    )


# ---- a number against a limit


def _render_comparison(correlation: Correlation) -> str:
    return f"metric {_SIGNS[str(correlation.operator)]} CAST({correlation.limit} AS DOUBLE)"


def _render_event_count(correlation: Correlation, windows: str) -> str:
    return f"{render_member_count(correlation)} {windows}"


def _render_value_count(_: Correlation, windows: str) -> str:
    return f"count(DISTINCT {VALUE_COLUMN}) {windows}"


def _render_sum(_: Correlation, windows: str) -> str:
    return f"sum({VALUE_COLUMN}) {windows}"


def _render_average(_: Correlation, windows: str) -> str:
    total, count = (f"{function}({VALUE_COLUMN}) {windows}" for function in ("sum", "count"))
    return f"CAST({total} AS DOUBLE) / NULLIF({count}, 0)"


def _render_median(_: Correlation, windows: str) -> str:
    return _render_quantile(0.5, windows)


def _render_percentile(correlation: Correlation, windows: str) -> str:
    part = 0.5 if correlation.percentile is None else correlation.percentile / 100
    return _render_quantile(part, windows)


def _render_quantile(part: float, windows: str) -> str:
    return f"quantile_cont(CAST({VALUE_COLUMN} AS DOUBLE), {part}) {windows}"


_METRICS: Mapping[str, Callable[[Correlation, str], str]] = {
    "event_count": _render_event_count,
    "value_count": _render_value_count,
    "value_sum": _render_sum,
    "value_avg": _render_average,
    "value_percentile": _render_percentile,
    "value_median": _render_median,
}
