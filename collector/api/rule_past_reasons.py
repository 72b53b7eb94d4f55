"""Why rules that compare with the past told nothing: still learning, seen before, not enough."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from collector.backtest import OrgArchive
from collector.clock import from_micros
from collector.detect import RuleSet, baseline_sql, first_seen_sql
from collector.detect.event_rows import list_column_names
from collector.detect.selected_events import list_value_columns
from collector.escaping import quote_identifier
from collector.evaluation.rule_selection import ALL_TIME, RuleSelection
from collector.model import Baseline, Rule

MAX_ROWS = 3
"""So many events, or windows, are told of: the last ones."""


def list_first_seen_reasons(rules: RuleSet, rule: Rule, archive: OrgArchive) -> Iterator[str]:
    """Of the last events that a first-seen rule selects, what keeps them from being first seen."""
    first_seen = first_seen_sql.as_first_seen(rule)
    selection = RuleSelection(rules=rules, rule=rule, events=archive.event_views, span=ALL_TIME)
    parts = list(selection.list_relations(ALL_TIME))
    if not parts:
        return
    since = archive.find_first_time(selection.list_source_types())
    for part in parts:
        key = first_seen_sql.as_first_seen(part.rule).key
        lacking = " OR ".join(f"{quote_identifier(name)} IS NULL" for name in key)
        query = (
            f"SELECT count(*) FROM {part.relation} AS events"
            f" WHERE ({part.rule.predicate}) AND ({lacking})"
        )
        ((count,),) = archive.connection.execute(query).fetchall()
        if count:
            yield f"{count} of its events lack a part of the key {list(key)}"
    rows = " UNION ALL ".join(map(first_seen_sql.select_key_events, parts))
    keys = list_value_columns(len(first_seen.key))
    query = (
        f"SELECT us, lag(us) OVER (PARTITION BY {keys} ORDER BY us, uid), {keys}"
        f" FROM ({rows}) ORDER BY us DESC LIMIT {MAX_ROWS}"
    )
    for us, before, *values in archive.connection.execute(query).fetchall():
        time = from_micros(us)
        shown = ", ".join(map(str, values))
        if time < since + first_seen.learn:
            until = _render_time(since + first_seen.learn)
            yield f"{shown} at {_render_time(time)}: still learning until {until}"
        elif before is not None and time - from_micros(before) <= first_seen.forget:
            yield f"{shown} at {_render_time(time)}: seen at {_render_time(from_micros(before))}"
        else:
            yield f"{shown} at {_render_time(time)}: first seen"


def list_baseline_reasons(rules: RuleSet, rule: Rule, archive: OrgArchive) -> Iterator[str]:
    """Of the last windows of a baseline, what each is held against."""
    baseline = baseline_sql.as_baseline(rule)
    selection = RuleSelection(rules=rules, rule=rule, events=archive.event_views, span=ALL_TIME)
    parts = list(selection.list_relations(ALL_TIME))
    if not parts:
        return
    result = archive.connection.execute(
        f"SELECT * FROM ({baseline_sql.select_scored_windows(parts)})"
        f" ORDER BY window_start DESC LIMIT {MAX_ROWS}"
    )
    names = list_column_names(result)
    for row in result.fetchall():
        yield _describe_window(baseline, dict(zip(names, row, strict=True)))


def _describe_window(baseline: Baseline, window: Mapping[str, Any]) -> str:
    start = _render_time(from_micros(window["window_start"]))
    metric, history = window["metric"], window["history"]
    head = f"window from {start}: {baseline.metric} {_render_number(metric)}"
    if history < baseline.minimum:
        rest = "no cold_start"
        if baseline.cold_start is not None:
            rest = f"cold_start is {_render_number(baseline.cold_start)}"
        lack = "windows" if not baseline.peers else "peers that it needs"
        state = "still learning" if not baseline.peers else "too few to compare with"
        return f"{head}, {state}: {history} of {baseline.minimum} {lack}; {rest}"
    mean, stddev = window["mean"], window["stddev"] or 0.0
    limit = mean + baseline.deviations * stddev
    least = max(baseline.floor, (baseline.times_mean or 0.0) * mean)
    origin = "the floor of" if least == baseline.floor else f"{baseline.times_mean:g} times that,"
    compared = "peers" if baseline.peers else "windows"
    past = f"mean {_render_number(mean)} of {history} {compared}"
    return (
        f"{head}; it tells above {_render_number(limit)} ({past}), from {origin}"
        f" {_render_number(least)} on"
    )


def _render_number(value: float) -> str:
    return f"{value:,.2f}".rstrip("0").rstrip(".")


def _render_time(time: datetime) -> str:
    return time.isoformat(sep=" ", timespec="seconds").replace("+00:00", "Z")
