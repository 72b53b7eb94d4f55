"""Baselines as SQL: the windows of groups, measured and compared with the windows before."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from collector.clock import duration_to_micros
from collector.detect.selected_events import (
    RuleRelation,
    list_value_columns,
    name_value_column,
    render_key_digest,
)
from collector.escaping import quote_identifier
from collector.model import Baseline, Rule, Severity
from collector.stable_ids import hash_json

_FIELD_TYPES = {
    "metric": "DOUBLE",
    "mean": "DOUBLE",
    "deviations": "DOUBLE",
    "history": "BIGINT",
    "event_count": "BIGINT",
    "window_start": "TIMESTAMPTZ",
    "window_end": "TIMESTAMPTZ",
}
WINDOW_FIELDS = tuple(_FIELD_TYPES)
"""What cases and titles of a baseline may name beside its groups."""

# Through DECIMAL, so that `inf` and `nan`, which anybody can send, are no numbers.
_NUMBER = "TRY_CAST(TRY_CAST({} AS DECIMAL(38, 9)) AS DOUBLE)"
_METRICS = {
    "sum": "coalesce(sum(measured), 0)",
    "count": "count(*)",
    "distinct": "count(DISTINCT measured)",
}


def as_baseline(rule: Rule) -> Baseline:
    """The baseline of a rule. Raises TypeError for rules of other kinds."""
    if isinstance(rule.aggregation, Baseline):
        return rule.aggregation
    raise TypeError(f"{rule.name} is no baseline")


# ---- scoring


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineStats:
    """A group's past: the number of windows, and sums of their values and of the squares."""

    window_count: int
    total: float
    sum_of_squares: float

    @property
    def mean(self) -> float | None:
        """The mean of their values; None without any."""
        return self.total / self.window_count if self.window_count else None

    @property
    def standard_deviation(self) -> float | None:
        """Their standard deviation as a whole population; None without any."""
        return self._scaled_deviation / self.window_count if self.window_count else None

    @property
    def _scaled_deviation(self) -> float:
        return math.sqrt(
            max(self.window_count * self.sum_of_squares - self.total * self.total, 0.0)
        )

    def is_exceeded(self, rule: Baseline, value: float) -> bool:
        """Whether a window with that value fires."""
        if self.window_count < rule.minimum:
            return rule.cold_start is not None and value >= rule.cold_start
        # Multiplied out: sums of whole numbers are exact, their quotients are not.
        above = self.window_count * value - self.total > rule.deviations * self._scaled_deviation
        return above and value >= rule.floor

    def count_deviations(self, value: float) -> float | None:
        """How many standard deviations a value lies above the mean."""
        if self.mean is None or not self.standard_deviation:
            return None
        return (value - self.mean) / self.standard_deviation


def compute_lowest_alert(rule: Baseline) -> float:
    """The smallest value with which a window can fire."""
    return rule.floor if rule.cold_start is None else min(rule.floor, rule.cold_start)


def compute_window_uid(rule: Rule, key: str, start: int) -> str:
    """The match uid of a window; `key` is the digest of its group."""
    return f"window:{hash_json([rule.name, key, start])}"


# ---- SQL


def select_measured_events(part: RuleRelation) -> str:
    """SQL: group, window start, times (microseconds) and measured value of a rule's events."""
    baseline = as_baseline(part.rule)
    return part.select_events(
        baseline.group_by,
        {
            "start": _render_start(baseline),
            "us": 'epoch_us("time")',
            "arrived": "epoch_us(received)",
            "uid": "event_uid",
            "measured": _render_measured(baseline),
            "of_type": "event_type",
        },
    )


def select_window_keys(rule: Rule, rows: Sequence[str]) -> str:
    """SQL: `key` (digest of the group), `start` and group of the windows with events in `rows`.

    `rows` are SELECTs of `select_measured_events`.
    """
    count = len(as_baseline(rule).group_by)
    keys = list_value_columns(count)
    return (
        f"SELECT {render_key_digest(count)} AS key, start, {keys}"
        f" FROM (SELECT DISTINCT start, {keys} FROM ({' UNION ALL '.join(rows)}))"
    )


def select_windows(rule: Rule, rows: str) -> str:
    """SQL: key, start, value, events, last and received of each window with events in `rows`."""
    baseline = as_baseline(rule)
    count = len(baseline.group_by)
    keys = list_value_columns(count)
    return (
        f"SELECT {render_key_digest(count)}, start, value, events, last, received"
        f" FROM (SELECT {keys}, start, CAST({_METRICS[baseline.metric]} AS DOUBLE) AS value,"
        " count(*) AS events, max(us) AS last, max(arrived) AS received"
        f" FROM ({rows}) GROUP BY {keys}, start)"
    )


def select_heaviest_events(rule: Rule, rows: str, limit: int) -> str:
    """SQL: key, start, group, uid, type and rank of the heaviest events of each window."""
    baseline = as_baseline(rule)
    keys = list_value_columns(len(baseline.group_by))
    weight = "measured" if baseline.metric == "sum" else "0"
    return (
        f"SELECT {render_key_digest(len(baseline.group_by))} AS key, start, {keys}, uid, of_type,"
        f" row_number() OVER (PARTITION BY {keys}, start"
        f" ORDER BY {weight} DESC NULLS LAST, us DESC, uid) AS rank"
        f" FROM ({rows}) QUALIFY rank <= {limit}"
    )


def select_severity_answers(rule: Rule) -> str | None:
    """SQL: for each window, whether each case and step holds; None without cases and steps.

    Its parameters are lists of the values of `WINDOW_FIELDS` and of the groups.
    """
    rungs = [
        *(case.predicate for case in rule.severity_cases),
        *(step.predicate for step in rule.severity_steps),
    ]
    if not rungs:
        return None
    kinds = {**_FIELD_TYPES, **dict.fromkeys(as_baseline(rule).group_by, "VARCHAR")}
    columns = ", ".join(
        f"unnest(${place})::{kind} AS {quote_identifier(name)}"
        for place, (name, kind) in enumerate(kinds.items(), 1)
    )
    answers = ", ".join(f"coalesce({rung}, FALSE)" for rung in rungs)
    return f"SELECT {answers} FROM (SELECT {columns})"


def decide_severity(rule: Rule, answers: Sequence[bool]) -> Severity:
    """The severity of a window, given whether each case and then each step holds."""
    cases, steps = answers[: len(rule.severity_cases)], answers[len(rule.severity_cases) :]
    levels = (case.level for case, holds in zip(rule.severity_cases, cases, strict=True) if holds)
    level = next(levels, rule.level)
    for step, holds in zip(rule.severity_steps, steps, strict=True):
        if holds:
            level = level.raise_by(step.increment, maximum=step.max_severity)
    return level


def select_scored_windows(parts: Sequence[RuleRelation]) -> str:
    """SQL: every window of every group, given all events, each with its past and whether it fires.

    Columns: the names of the group's fields, `window_start` and `last_time` (microseconds),
    `metric`, `event_count`, `history`, `mean`, `stddev` and `fires`. It needs nothing stored; live
    evaluation has the same result for the same events.
    """
    baseline = as_baseline(parts[0].rule)
    keys = list_value_columns(len(baseline.group_by))
    named = ", ".join(
        f"{name_value_column(place)} AS {quote_identifier(name)}"
        for place, name in enumerate(baseline.group_by)
    )
    rows = " UNION ALL ".join(map(select_measured_events, parts))
    past = (
        f"OVER (PARTITION BY {keys} ORDER BY start"
        f" RANGE BETWEEN {duration_to_micros(baseline.history)} PRECEDING AND 1 PRECEDING)"
    )
    spread = "sqrt(greatest(history * squares - total * total, 0))"
    return (
        f"SELECT {named}, start AS window_start, last AS last_time, value AS metric,"
        " events AS event_count, history, total / history AS mean,"
        f" {spread} / nullif(history, 0) AS stddev,"
        f" {_render_fires(baseline, spread)} AS fires"
        f" FROM (SELECT *, count(*) {past} AS history, sum(value) {past} AS total,"
        f" sum(value * value) {past} AS squares"
        f" FROM (SELECT {keys}, start, CAST({_METRICS[baseline.metric]} AS DOUBLE) AS value,"
        f" count(*) AS events, max(us) AS last FROM ({rows}) AS events GROUP BY {keys}, start"
        ") AS windows) AS windows"
    )


def _render_fires(baseline: Baseline, spread: str) -> str:
    is_above = (
        f"history >= {baseline.minimum} AND value >= {baseline.floor!r}"
        f" AND coalesce(history * value - total > {baseline.deviations!r} * {spread}, FALSE)"
    )
    if baseline.cold_start is None:
        return f"({is_above})"
    return f"({is_above} OR history < {baseline.minimum} AND value >= {baseline.cold_start!r})"


def _render_start(baseline: Baseline) -> str:
    size = duration_to_micros(baseline.window)
    return f'CAST(floor(epoch_us("time") / {size}) AS BIGINT) * {size}'


def _render_measured(baseline: Baseline) -> str:
    if baseline.metric == "count" or baseline.field is None:
        return "NULL"
    column = quote_identifier(baseline.field)
    return _NUMBER.format(column) if baseline.metric == "sum" else f"CAST({column} AS VARCHAR)"
