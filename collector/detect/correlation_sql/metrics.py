"""The metric of the window that an event ends, and whether it fires, as SQL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from collector.clock import duration_to_micros
from collector.detect.correlation_sql.frames import (
    BEFORE_NOW,
    FIRES_COLUMN,
    JUST_NOW,
    MICROS_COLUMN,
    UNTIL_NOW,
    VALUE_COLUMN,
    name_flag_column,
    render_over_clause,
    render_window_frame,
)
from collector.detect.correlation_sql.input_rows import list_distinct_rules
from collector.escaping import quote_identifier
from collector.model import Correlation

_SIGNS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "eq": "=", "neq": "<>"}


def select_measured_rows(correlation: Correlation, rows: str) -> str:
    """The rows with `metric`, `event_count` and whether their window fires."""
    windows = render_over_clause(correlation, render_window_frame(correlation))
    if correlation.type in _ORDERS:
        rows, fires = _ORDERS[correlation.type](correlation, rows)
        metric = f"count(*) {windows}"
    else:
        fires = _render_comparison(correlation)
        metric = _METRICS[correlation.type](correlation, windows)
    return (
        f"SELECT *, COALESCE({fires}, FALSE) AS {FIRES_COLUMN} FROM (SELECT *,"
        f" CAST({metric} AS DOUBLE) AS metric, count(*) {windows} AS event_count"
        f" FROM ({rows}) AS events) AS events"
    )


# ---- a number against a limit


def _render_comparison(correlation: Correlation) -> str:
    return f"metric {_SIGNS[str(correlation.operator)]} CAST({correlation.limit} AS DOUBLE)"


def _render_event_count(_: Correlation, windows: str) -> str:
    return f"count(*) {windows}"


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


# ---- every rule, in any order or in order


def _require_all_rules(correlation: Correlation, rows: str) -> tuple[str, str]:
    """Every rule has an event whose time is in the window."""
    places = range(len(list_distinct_rules(correlation)))
    earlier = render_over_clause(correlation, UNTIL_NOW)
    last = [
        f"max(CASE WHEN {name_flag_column(place)} = 1 THEN {MICROS_COLUMN} END) {earlier}"
        f" AS {_name_last_column(place)}"
        for place in places
    ]
    fires = " AND ".join(
        f"{_name_last_column(place)} >= {_render_window_start(correlation)}" for place in places
    )
    return f"SELECT *, {', '.join(last)} FROM ({rows}) AS events", fires


def _require_order(correlation: Correlation, rows: str) -> tuple[str, str]:
    """The latest start of a chain of events, one of each rule, that ends with the row.

    What happens at one time is in order, whatever the rules, but a rule that is named twice needs
    two events. So a chain is a chain that ended earlier, and for its last steps enough events now.
    """
    last = list_distinct_rules(correlation).index(correlation.rules[-1])
    start = _render_latest_start(correlation, len(correlation.rules))
    fires = f"{name_flag_column(last)} = 1 AND {start} >= {_render_window_start(correlation)}"
    return _add_chains(correlation, _add_counts(correlation, rows)), fires


def _add_counts(correlation: Correlation, rows: str) -> str:
    """How many events of each rule there are at the time of a row."""
    now = render_over_clause(correlation, JUST_NOW)
    places = range(len(list_distinct_rules(correlation)))
    counts = [
        f"sum({name_flag_column(place)}) {now} AS {_name_count_column(place)}" for place in places
    ]
    return f"SELECT *, {', '.join(counts)} FROM ({rows}) AS events"


def _add_chains(correlation: Correlation, rows: str) -> str:
    """The latest start of the chains of the first steps that ended before a row."""
    before = render_over_clause(correlation, BEFORE_NOW)
    for step in range(1, len(correlation.rules)):
        start = f"max({_render_latest_start(correlation, step)}) {before}"
        rows = f"SELECT *, {start} AS {_name_chain_column(step)} FROM ({rows}) AS events"
    return rows


def _render_latest_start(correlation: Correlation, step: int) -> str:
    """Of the chains of so many steps that end with what happens now."""
    starts = [
        f"CASE WHEN {_render_enough_events(correlation, earlier, step)}"
        f" THEN {_name_chain_column(earlier)} END"
        for earlier in range(step)
    ]
    return f"GREATEST({', '.join(starts)})" if len(starts) > 1 else starts[0]


def _render_enough_events(correlation: Correlation, earlier: int, step: int) -> str:
    """Whether what happens now has an event for each of the steps since an earlier one."""
    needed = Counter(correlation.rules[earlier:step])
    places = list_distinct_rules(correlation)
    return " AND ".join(
        f"{_name_count_column(places.index(rule))} >= {times}" for rule, times in needed.items()
    )


def _render_window_start(correlation: Correlation) -> str:
    return f"{MICROS_COLUMN} - {duration_to_micros(correlation.timespan)}"


def _name_last_column(place: int) -> str:
    return quote_identifier(f"#last{place}")


def _name_count_column(place: int) -> str:
    return quote_identifier(f"#count{place}")


def _name_chain_column(steps: int) -> str:
    return quote_identifier(f"#chain{steps}") if steps else MICROS_COLUMN


_ORDERS: Mapping[str, Callable[[Correlation, str], tuple[str, str]]] = {
    "temporal": _require_all_rules,
    "temporal_ordered": _require_order,
}
