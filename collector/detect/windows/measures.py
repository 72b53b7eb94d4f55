"""What the window of an event comes to, and whether it fires, as SQL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from collector.detect.windows.frames import (
    BEFORE_NOW,
    FIRES,
    JUST_NOW,
    MOMENT,
    UNTIL_NOW,
    VALUE,
    is_of,
    microseconds,
    over,
    window,
)
from collector.detect.windows.rows import distinct
from collector.model import Correlation
from collector.text import sql_identifier

_SIGNS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "eq": "=", "neq": "<>"}


def measured(correlation: Correlation, rows: str) -> str:
    """The rows with `metric`, `event_count` and whether their window fires."""
    windows = over(correlation, window(correlation))
    if correlation.type in _ORDERS:
        rows, fires = _ORDERS[correlation.type](correlation, rows)
        metric = f"count(*) {windows}"
    else:
        fires = _compared(correlation)
        metric = _METRICS[correlation.type](correlation, windows)
    return (
        f"SELECT *, COALESCE({fires}, FALSE) AS {FIRES} FROM (SELECT *,"
        f" CAST({metric} AS DOUBLE) AS metric, count(*) {windows} AS event_count"
        f" FROM ({rows}) AS events) AS events"
    )


# ---- a number against a limit


def _compared(correlation: Correlation) -> str:
    return f"metric {_SIGNS[str(correlation.operator)]} CAST({correlation.limit} AS DOUBLE)"


def _events(_: Correlation, windows: str) -> str:
    return f"count(*) {windows}"


def _values(_: Correlation, windows: str) -> str:
    return f"count(DISTINCT {VALUE}) {windows}"


def _sum(_: Correlation, windows: str) -> str:
    return f"sum({VALUE}) {windows}"


def _average(_: Correlation, windows: str) -> str:
    return f"CAST(sum({VALUE}) {windows} AS DOUBLE) / NULLIF(count({VALUE}) {windows}, 0)"


def _median(_: Correlation, windows: str) -> str:
    return _quantile(0.5, windows)


def _percentile(correlation: Correlation, windows: str) -> str:
    part = 0.5 if correlation.percentile is None else correlation.percentile / 100
    return _quantile(part, windows)


def _quantile(part: float, windows: str) -> str:
    return f"quantile_cont(CAST({VALUE} AS DOUBLE), {part}) {windows}"


_METRICS: Mapping[str, Callable[[Correlation, str], str]] = {
    "event_count": _events,
    "value_count": _values,
    "value_sum": _sum,
    "value_avg": _average,
    "value_percentile": _percentile,
    "value_median": _median,
}


# ---- every rule, in any order or in order


def _all_rules(correlation: Correlation, rows: str) -> tuple[str, str]:
    """Every rule has an event whose time is in the window."""
    places = range(len(distinct(correlation)))
    last = [
        f"max(CASE WHEN {is_of(place)} = 1 THEN {MOMENT} END) {over(correlation, UNTIL_NOW)}"
        f" AS {_last(place)}"
        for place in places
    ]
    fires = " AND ".join(f"{_last(place)} >= {_start(correlation)}" for place in places)
    return f"SELECT *, {', '.join(last)} FROM ({rows}) AS events", fires


def _in_order(correlation: Correlation, rows: str) -> tuple[str, str]:
    """The latest start of a chain of events, one of each rule, that ends with the row.

    What happens at one time is in order, whatever the rules, but a rule that is named twice needs
    two events. So a chain is a chain that ended earlier, and for its last steps enough events now.
    """
    last = distinct(correlation).index(correlation.rules[-1])
    start = _latest_start(correlation, len(correlation.rules))
    fires = f"{is_of(last)} = 1 AND {start} >= {_start(correlation)}"
    return _with_chains(correlation, _with_counts(correlation, rows)), fires


def _with_counts(correlation: Correlation, rows: str) -> str:
    """How many events of each rule there are at the time of a row."""
    now = over(correlation, JUST_NOW)
    places = range(len(distinct(correlation)))
    counts = [f"sum({is_of(place)}) {now} AS {_count(place)}" for place in places]
    return f"SELECT *, {', '.join(counts)} FROM ({rows}) AS events"


def _with_chains(correlation: Correlation, rows: str) -> str:
    """The latest start of the chains of the first steps that ended before a row."""
    before = over(correlation, BEFORE_NOW)
    for step in range(1, len(correlation.rules)):
        start = f"max({_latest_start(correlation, step)}) {before}"
        rows = f"SELECT *, {start} AS {_chain(step)} FROM ({rows}) AS events"
    return rows


def _latest_start(correlation: Correlation, step: int) -> str:
    """Of the chains of so many steps that end with what happens now."""
    starts = [
        f"CASE WHEN {_enough(correlation, earlier, step)} THEN {_chain(earlier)} END"
        for earlier in range(step)
    ]
    return f"GREATEST({', '.join(starts)})" if len(starts) > 1 else starts[0]


def _enough(correlation: Correlation, earlier: int, step: int) -> str:
    """Whether what happens now has an event for each of the steps since an earlier one."""
    needed = Counter(correlation.rules[earlier:step])
    places = distinct(correlation)
    return " AND ".join(
        f"{_count(places.index(rule))} >= {times}" for rule, times in needed.items()
    )


def _start(correlation: Correlation) -> str:
    return f"{MOMENT} - {microseconds(correlation.timespan)}"


def _last(place: int) -> str:
    return sql_identifier(f"#last{place}")


def _count(place: int) -> str:
    return sql_identifier(f"#count{place}")


def _chain(steps: int) -> str:
    return sql_identifier(f"#chain{steps}") if steps else MOMENT


_ORDERS: Mapping[str, Callable[[Correlation, str], tuple[str, str]]] = {
    "temporal": _all_rules,
    "temporal_ordered": _in_order,
}
