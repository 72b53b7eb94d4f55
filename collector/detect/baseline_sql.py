"""Baselines as SQL: the windows of groups, measured and compared with earlier ones or others."""

from __future__ import annotations

from collections.abc import Sequence

from collector.clock import duration_to_micros
from collector.detect.baseline_stats import render_is_exceeded
from collector.detect.compared_windows import render_compared_sum, render_peers_digest
from collector.detect.predicates.members import select_members
from collector.detect.selected_events import (
    RuleRelation,
    list_value_columns,
    name_value_column,
    render_key_digest,
    unnest_column,
)
from collector.escaping import quote_identifier
from collector.model import Baseline, Rule, Severity
from collector.model.member_columns import SEPARATORS
from collector.stable_ids import hash_json

_FIELD_TYPES = {
    "metric": "DOUBLE",
    "mean": "DOUBLE",
    "times_mean": "DOUBLE",
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


def compute_window_uid(rule: Rule, key: str, start: int) -> str:
    """The match uid of a window; `key` is the digest of its group."""
    return f"window:{hash_json([rule.name, key, start])}"


# ---- SQL


def render_group_digest(rule: Rule) -> str:
    """SQL: the digest of a group, given its value columns."""
    return render_key_digest(len(as_baseline(rule).group_by))


def select_measured_events(part: RuleRelation) -> str:
    """SQL: group, window start, times (microseconds) and measured value of a rule's events.

    Of an event of which several values are measured, only the row of the first has a `uid`.
    """
    baseline = as_baseline(part.rule)
    columns = {
        "start": _render_start(baseline),
        "us": 'epoch_us("time")',
        "arrived": "epoch_us(received)",
        "uid": "event_uid",
        "measured": _render_measured(baseline),
        "of_type": "event_type",
    }
    select = part.select_events(baseline.group_by, columns)
    if baseline.metric != "distinct" or baseline.field not in SEPARATORS:
        return select
    return _unnest_measured(select, [*_list_value_names(baseline), *columns])


def _unnest_measured(select: str, names: Sequence[str]) -> str:
    """SQL: a row for each of the values that are measured of an event."""
    marked = f"SELECT *, measured[1] AS head FROM ({select}) AS events"
    rows = unnest_column("measured", [*names, "head"], marked)
    uid = "CASE WHEN measured IS NOT DISTINCT FROM head THEN uid END AS uid"
    columns = ", ".join(uid if name == "uid" else name for name in names)
    return f"SELECT {columns} FROM ({rows}) AS events"


def _list_value_names(baseline: Baseline) -> list[str]:
    return [name_value_column(place) for place in range(len(baseline.group_by))]


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
    """SQL: key, start, value, events, last, received and peers of each window of `rows`.

    `peers` is the digest of what a group has in common with its peers; NULL where it has none.
    """
    baseline = as_baseline(rule)
    count = len(baseline.group_by)
    keys = list_value_columns(count)
    return (
        f"SELECT {render_key_digest(count)}, start, value, events, last, received,"
        f" {render_peers_digest(baseline)} AS peers"
        f" FROM (SELECT {keys}, start, CAST({_METRICS[baseline.metric]} AS DOUBLE) AS value,"
        " count(uid) AS events, max(us) AS last, max(arrived) AS received"
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
        f" FROM ({rows}) WHERE uid IS NOT NULL QUALIFY rank <= {limit}"
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
    evaluation has the same result for the same events. With peers, these stand for the past.
    """
    baseline = as_baseline(parts[0].rule)
    keys = list_value_columns(len(baseline.group_by))
    named = ", ".join(
        f"{name_value_column(place)} AS {quote_identifier(name)}"
        for place, name in enumerate(baseline.group_by)
    )
    rows = " UNION ALL ".join(map(select_measured_events, parts))
    spread = "sqrt(greatest(history * squares - total * total, 0))"
    compared = {"history": "count(*)", "total": "sum(value)", "squares": "sum(value * value)"}
    sums = ", ".join(
        f"{render_compared_sum(baseline, aggregate)} AS {name}"
        for name, aggregate in compared.items()
    )
    return (
        f"SELECT {named}, start AS window_start, last AS last_time, value AS metric,"
        " events AS event_count, history, total / nullif(history, 0) AS mean,"
        f" {spread} / nullif(history, 0) AS stddev,"
        f" {render_is_exceeded(baseline, spread)} AS fires"
        f" FROM (SELECT *, {sums}"
        f" FROM (SELECT {keys}, start, CAST({_METRICS[baseline.metric]} AS DOUBLE) AS value,"
        f" count(uid) AS events, max(us) AS last FROM ({rows}) AS events GROUP BY {keys}, start"
        ") AS windows) AS windows"
    )


def _render_start(baseline: Baseline) -> str:
    size = duration_to_micros(baseline.window)
    return f'CAST(floor(epoch_us("time") / {size}) AS BIGINT) * {size}'


def _render_measured(baseline: Baseline) -> str:
    if baseline.metric == "count" or baseline.field is None:
        return "NULL"
    if baseline.metric == "distinct" and baseline.field in SEPARATORS:
        return f"coalesce({select_members(baseline.field)}, [CAST(NULL AS VARCHAR)])"
    column = quote_identifier(baseline.field)
    return _NUMBER.format(column) if baseline.metric == "sum" else f"CAST({column} AS VARCHAR)"
