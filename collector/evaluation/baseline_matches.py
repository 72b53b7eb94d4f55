"""Firing windows as matches, with their heaviest events and their past."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from collector.clock import duration_to_micros
from collector.detect import baseline_sql, dedup, title_template
from collector.detect.baseline_stats import BaselineStats
from collector.detect.event_rows import build_event, list_column_names
from collector.detect.selected_events import list_value_columns, name_value_column
from collector.escaping import quote_literal
from collector.evaluation.baseline_scoring import ScoredWindows
from collector.evaluation.baseline_windows import (
    TouchedWindows,
    list_window_spans,
    select_window_rows,
)
from collector.evaluation.rule_matcher import extract_entities
from collector.evaluation.rule_selection import RuleSelection, duration_to_days, micros_to_time
from collector.evaluation.temp_tables import TempTables
from collector.model import Baseline, Event, Match, Rule
from collector.model.event_columns import ENTITY_COLUMNS
from collector.store.baseline_memory import BaselineWindow, BaselineWindowKey

EVIDENCE_LIMIT = 10
"""The most events of a window that a match shows."""

RECENT_LIMIT = 12
"""The most past windows that a match shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlier:
    """A firing window, the statistics of its past, and what its match shows."""

    window_key: BaselineWindowKey
    measure: BaselineWindow
    stats: BaselineStats
    recent_windows: Sequence[tuple[int, float]]
    group: Mapping[str, str]
    events: Sequence[Event]

    def to_fields(self, rule: Baseline) -> dict[str, Any]:
        """The values by the names that cases, steps and titles use."""
        start = self.window_key[1]
        facts = {
            "metric": self.measure.value,
            "mean": self.stats.mean,
            "times_mean": self.stats.divide_by_mean(self.measure.value),
            "deviations": self.stats.count_deviations(self.measure.value),
            "history": self.stats.window_count,
            "event_count": self.measure.events,
            "window_start": micros_to_time(start),
            "window_end": micros_to_time(start + duration_to_micros(rule.window)),
        }
        # Empty text stands for what the events lack.
        return {**facts, **{name: value or None for name, value in self.group.items()}}


def build_matches(
    selection: RuleSelection, scored: ScoredWindows, groups: TouchedWindows, tables: TempTables
) -> list[Match]:
    """The matches of the firing windows, whose groups are among those of `groups`."""
    if not scored.firing_windows:
        return []
    outliers = [
        Outlier(
            window_key=key,
            measure=scored.windows[key],
            stats=scored.firing_windows[key],
            recent_windows=scored.recent_windows[key],
            group=group,
            events=events,
        )
        for key, (group, events) in _read_window_events(selection, scored, groups, tables).items()
    ]
    answers = _read_severity_answers(selection, outliers)
    return [_build_match(selection, *pair) for pair in zip(outliers, answers, strict=True)]


# ---- the events


def _read_window_events(
    selection: RuleSelection, scored: ScoredWindows, groups: TouchedWindows, tables: TempTables
) -> dict[BaselineWindowKey, tuple[dict[str, str], list[Event]]]:
    """Group and heaviest events of each of the windows."""
    baseline = baseline_sql.as_baseline(selection.rule)
    firing = ", ".join(
        f"({quote_literal(key)}, {start}::BIGINT)" for key, start in scored.firing_windows
    )
    value_columns = list_value_columns(len(baseline.group_by))
    table = tables.create_table(
        f"SELECT start, {value_columns} FROM (VALUES {firing}) AS firing(key, start)"
        f" JOIN (SELECT DISTINCT key, {value_columns} FROM {groups.table}) USING (key)"
    )
    ranked_events: dict[BaselineWindowKey, list[tuple[int, dict[str, str], Event]]] = {}
    for span in list_window_spans(selection, scored.firing_windows):
        parts = list(selection.list_relations(span))
        rows = select_window_rows(selection, parts, table)
        heaviest = tables.create_table(
            baseline_sql.select_heaviest_events(selection.rule, rows, EVIDENCE_LIMIT)
        )
        for part in parts:
            for window_key, rank, group, event in _read_event_rows(
                selection, part.relation, heaviest
            ):
                ranked_events.setdefault(window_key, []).append((rank, group, event))
    return {key: _order_by_rank(events) for key, events in sorted(ranked_events.items())}


def _read_event_rows(
    selection: RuleSelection, relation: str, heaviest: str
) -> Iterator[tuple[BaselineWindowKey, int, dict[str, str], Event]]:
    names = baseline_sql.as_baseline(selection.rule).group_by
    group = ", ".join(f"heaviest.{name_value_column(place)}" for place in range(len(names)))
    shown = selection.events.show_events(
        relation, f"(SELECT uid AS event_uid FROM {heaviest})", selection.rule.fields
    )
    result = selection.events.connection.execute(
        f"SELECT heaviest.key, heaviest.start, heaviest.rank, {group}, events.*"
        f" FROM {shown} AS events JOIN {heaviest} AS heaviest"
        " ON events.event_uid = heaviest.uid AND events.event_type = heaviest.of_type"
    )
    head = 3 + len(names)
    columns = list_column_names(result)[head:]
    for key, start, rank, *rest in result.fetchall():
        texts, fields = rest[: len(names)], rest[len(names) :]
        yield (
            (key, start),
            rank,
            dict(zip(names, texts, strict=True)),
            build_event(columns, fields),
        )


def _order_by_rank(
    ranked_events: Sequence[tuple[int, dict[str, str], Event]],
) -> tuple[dict[str, str], list[Event]]:
    ordered = sorted(ranked_events, key=lambda ranked: ranked[0])
    return ordered[0][1], [event for _, _, event in ordered]


# ---- the matches


def _read_severity_answers(
    selection: RuleSelection, outliers: Sequence[Outlier]
) -> Sequence[Sequence[bool]]:
    """For each window, whether each case and step of the rule holds."""
    baseline = baseline_sql.as_baseline(selection.rule)
    sql = baseline_sql.select_severity_answers(selection.rule)
    if sql is None or not outliers:
        return [()] * len(outliers)
    fields = [outlier.to_fields(baseline) for outlier in outliers]
    lists = [
        [values[name] for values in fields]
        for name in (*baseline_sql.WINDOW_FIELDS, *baseline.group_by)
    ]
    return selection.events.connection.execute(sql, lists).fetchall()


def _build_match(selection: RuleSelection, outlier: Outlier, answers: Sequence[bool]) -> Match:
    rule = selection.rule
    baseline = baseline_sql.as_baseline(rule)
    uid = baseline_sql.compute_window_uid(rule, *outlier.window_key)
    first, *others = outlier.events
    event = {**first, **{k: v for k, v in outlier.to_fields(baseline).items() if v is not None}}
    return Match(
        org=selection.events.org,
        rule=rule.name,
        event_uid=uid,
        time=micros_to_time(outlier.measure.last),
        received=micros_to_time(outlier.measure.received),
        severity=baseline_sql.decide_severity(rule, answers),
        title=title_template.parse_rule_title(rule).render_title(event),
        key=dedup.build_dedup_key(rule, {**event, "event_uid": uid}),
        entities=extract_entities(event, _list_shared_entities(baseline, event, others)),
        event=event,
        weight=outlier.measure.value,
        count=outlier.measure.events,
        evidence=tuple(others),
        context=(_build_context(rule, outlier),),
    )


def _list_shared_entities(rule: Baseline, event: Event, others: Sequence[Event]) -> list[str]:
    """The entity columns in which all shown events of the window have the same value."""
    return [
        name
        for name in ENTITY_COLUMNS
        if name in rule.group_by or all(o.get(name) == event.get(name) for o in others)
    ]


def _build_context(rule: Rule, outlier: Outlier) -> dict[str, object]:
    baseline = baseline_sql.as_baseline(rule)
    fields = outlier.to_fields(baseline)
    return {
        "kind": "baseline",
        "metric": baseline.metric,
        "field": baseline.field,
        "value": outlier.measure.value,
        "event_count": outlier.measure.events,
        "mean": outlier.stats.mean,
        "stddev": outlier.stats.standard_deviation,
        "windows": outlier.stats.window_count,
        "window_start": fields["window_start"].isoformat(),
        "window_end": fields["window_end"].isoformat(),
        "group": dict(outlier.group),
        **_describe_compared(baseline, outlier),
    }


def _describe_compared(baseline: Baseline, outlier: Outlier) -> dict[str, object]:
    """What the window was compared with: its past, or what its peers have in common with it."""
    if baseline.peers:
        return {"peers": {name: outlier.group[name] for name in baseline.peers}}
    return {
        "history_days": duration_to_days(baseline.history),
        "recent": [
            [micros_to_time(start).isoformat(), value]
            for start, value in outlier.recent_windows[-RECENT_LIMIT:]
        ],
    }
