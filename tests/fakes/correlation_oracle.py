"""Correlations over lists of events, told by looking at every event again for every other one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from collector.model import Correlation, Rule, Severity

EventsByRule = Mapping[str, Sequence[Mapping[str, Any]]]
"""By the name of a plain rule, its events: the fixed columns and fields, all text but the times."""


@dataclass(kw_only=True)
class WindowRow:
    """An event in one of its groups."""

    group: tuple[str, ...]
    event: Mapping[str, Any]
    rules: set[str] = field(default_factory=set)
    values: list[Any] = field(default_factory=list)

    @property
    def time(self) -> datetime:
        return self.event["time"]

    @property
    def value(self) -> Any:
        return max(self.values, default=None)


@dataclass(kw_only=True)
class WindowAnchor:
    """An event and its window."""

    row: WindowRow
    window: list[WindowRow]
    metric: float | None
    fires: bool

    @property
    def complete_time(self) -> datetime:
        return max(row.event["received"] for row in self.window)


@dataclass(kw_only=True)
class WindowMember:
    """An event in a window that fires, and its own window if that is one; else `anchor` is None."""

    row: WindowRow
    anchor: WindowAnchor | None
    severity: Severity


def list_anchors(rule: Rule, rules: Mapping[str, Rule], events: EventsByRule) -> list[WindowAnchor]:
    """Every event that the correlation looks at, in each of its groups."""
    correlation = rule.aggregation
    rows = _collect_rows(correlation, rules, events)
    return [_build_anchor(correlation, row, rows) for row in rows]


def list_members(rule: Rule, rules: Mapping[str, Rule], events: EventsByRule) -> list[WindowMember]:
    """Every event that lies in a window that fires, in each of its groups."""
    found = list_anchors(rule, rules, events)
    firing = [anchor for anchor in found if anchor.fires]
    return [
        _build_member(rule, each)
        for each in found
        if any(_contains_row(anchor, each.row) for anchor in firing)
    ]


def _contains_row(anchor: WindowAnchor, row: WindowRow) -> bool:
    return any(each is row for each in anchor.window)


# ---- what a correlation looks at


def _collect_rows(
    correlation: Correlation, rules: Mapping[str, Rule], events: EventsByRule
) -> list[WindowRow]:
    rows: dict[tuple[tuple[str, ...], str], WindowRow] = {}
    for name in correlation.rules:
        for event in _list_events(name, rules, events):
            values = [
                event.get(_resolve_field(correlation, each, name)) for each in correlation.group_by
            ]
            if None in values:
                continue
            group = tuple(map(str, values))
            row = rows.setdefault((group, event["event_uid"]), WindowRow(group=group, event=event))
            row.rules.add(name)
            value = _parse_value(
                correlation, event.get(_resolve_field(correlation, correlation.field, name))
            )
            if value is not None:
                row.values.append(value)
    return list(rows.values())


def _list_events(
    name: str, rules: Mapping[str, Rule], events: EventsByRule
) -> Iterator[Mapping[str, Any]]:
    rule = rules[name]
    if not isinstance(rule.aggregation, Correlation):
        yield from events[name]
        return
    for anchor in list_anchors(rule, rules, events):
        if anchor.fires:
            fixed = {key: anchor.row.event[key] for key in ("event_uid", "time", "received")}
            group = dict(zip(rule.aggregation.group_by, anchor.row.group, strict=True))
            yield {
                **fixed,
                "event_type": anchor.row.event["event_type"],
                "metric": anchor.metric,
                "event_count": len(anchor.window),
                **group,
            }


def _resolve_field(correlation: Correlation, name: str | None, rule: str) -> str | None:
    return correlation.aliases.get(name, {}).get(rule, name)


def _parse_value(correlation: Correlation, value: Any) -> Any:
    if value is None or correlation.type == "value_count":
        return value
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


# ---- windows


def _build_anchor(correlation: Correlation, row: WindowRow, rows: list[WindowRow]) -> WindowAnchor:
    window = [
        each
        for each in rows
        if each.group == row.group and row.time - correlation.timespan <= each.time <= row.time
    ]
    metric = _compute_metric(correlation, window)
    return WindowAnchor(
        row=row, window=window, metric=metric, fires=_is_firing(correlation, row, window, metric)
    )


def _compute_metric(correlation: Correlation, window: list[WindowRow]) -> float | None:
    values = sorted(row.value for row in window if row.value is not None)
    match correlation.type:
        case "value_count":
            return float(len(set(values)))
        case "value_sum":
            return float(sum(values)) if values else None
        case "value_avg":
            return float(sum(values)) / len(values) if values else None
        case "value_percentile":
            return _compute_quantile(values, correlation.percentile / 100)
        case "value_median":
            return _compute_quantile(values, 0.5)
    return float(len(window))


def _compute_quantile(values: Sequence[Decimal], part: float) -> float | None:
    if not values:
        return None
    place = (len(values) - 1) * part
    below = float(values[int(place)])
    above = float(values[min(int(place) + 1, len(values) - 1)])
    return below + (above - below) * (place - int(place))


def _is_firing(
    correlation: Correlation, row: WindowRow, window: list[WindowRow], metric: float | None
) -> bool:
    if correlation.type == "temporal":
        return set(correlation.rules) <= {name for each in window for name in each.rules}
    if correlation.type == "temporal_ordered":
        return correlation.rules[-1] in row.rules and _has_chain(
            list(correlation.rules[:-1]), window, row, {correlation.rules[-1]: [row]}
        )
    if metric is None:
        return False
    return {
        "gt": metric > correlation.limit,
        "gte": metric >= correlation.limit,
        "lt": metric < correlation.limit,
        "lte": metric <= correlation.limit,
        "eq": metric == correlation.limit,
        "neq": metric != correlation.limit,
    }[correlation.operator]


def _has_chain(
    steps: list[str], window: list[WindowRow], after: WindowRow, used: Mapping[str, list[WindowRow]]
) -> bool:
    """Whether events of these rules, none twice for one rule, lead up to an event."""
    if not steps:
        return True
    *earlier, step = steps
    return any(
        _has_chain(earlier, window, each, {**used, step: [*used.get(step, []), each]})
        for each in window
        if step in each.rules
        and each.time <= after.time
        and not any(each is other for other in used.get(step, []))
    )


# ---- members


def _build_member(rule: Rule, anchor: WindowAnchor) -> WindowMember:
    if not anchor.fires:
        return WindowMember(row=anchor.row, anchor=None, severity=Severity.INFORMATIONAL)
    return WindowMember(row=anchor.row, anchor=anchor, severity=compute_severity(rule, anchor))


def compute_severity(rule: Rule, anchor: WindowAnchor) -> Severity:
    """By cases and steps whose predicates are Python over `metric`, `event_count` and groups."""
    names = dict(zip(rule.aggregation.group_by, anchor.row.group, strict=True))
    names |= {"metric": anchor.metric, "event_count": len(anchor.window)}

    def is_true(predicate: str) -> bool:
        return eval(predicate.replace(" = ", " == "), {}, names)

    level = next(
        (case.level for case in rule.severity_cases if is_true(case.predicate)), rule.level
    )
    for step in rule.severity_steps:
        if is_true(step.predicate):
            level = max(level, Severity(min(level + step.increment, step.max_severity)))
    return level
