"""Correlations over lists of events, told by looking at every event again for every other one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from collector.model import Correlation, MemberCondition, Rule, Severity

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
    """An event and its window, of which so many events are of rules that decide."""

    row: WindowRow
    window: list[WindowRow]
    event_count: int
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


def list_anchors(
    rule: Rule,
    rules: Mapping[str, Rule],
    events: EventsByRule,
    *,
    known_until: datetime | None = None,
) -> list[WindowAnchor]:
    """Every event that the correlation looks at, in each of its groups.

    Nothing is missing of what happened up to `known_until`; None where nothing is missing at all.
    """
    correlation = rule.aggregation
    rows = _collect_rows(correlation, rules, events)
    if correlation.absent:
        return [_build_absence_anchor(correlation, row, rows, known_until) for row in rows]
    return [_build_anchor(correlation, row, rows) for row in rows]


def list_members(
    rule: Rule,
    rules: Mapping[str, Rule],
    events: EventsByRule,
    *,
    known_until: datetime | None = None,
) -> list[WindowMember]:
    """Every event that lies in a window that fires, in each of its groups."""
    found = list_anchors(rule, rules, events, known_until=known_until)
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
        for found in _list_events(name, rules, events):
            event = _fill_event(correlation, name, rules, found, events)
            values = [
                event.get(_resolve_field(correlation, each, name)) for each in correlation.group_by
            ]
            if None in values:
                continue
            group = tuple(map(str, values))
            row = rows.setdefault((group, event["event_uid"]), WindowRow(group=group, event=event))
            row.rules.add(name)
            if name in correlation.optional:
                continue
            value = _parse_value(
                correlation, event.get(_resolve_field(correlation, correlation.field, name))
            )
            if value is not None:
                row.values.append(value)
    return list(rows.values())


def _fill_event(
    correlation: Correlation,
    name: str,
    rules: Mapping[str, Rule],
    event: Mapping[str, Any],
    events: EventsByRule,
) -> Mapping[str, Any]:
    """The event of a rule, with what others of the link say of it."""
    link = correlation.link
    if link is None or name == link.rule or isinstance(rules[name].aggregation, Correlation):
        return event
    linked = [
        each
        for each in events[link.rule]
        if each.get(link.by) and each.get(link.by) == event.get(link.by)
        if abs(each["time"] - event["time"]) <= link.within
    ]
    filled = {
        field: min((each[field] for each in linked if each.get(field)), default=None)
        for field in link.fills
        if event.get(field) is None
    }
    return {**event, **filled}


def _list_events(
    name: str, rules: Mapping[str, Rule], events: EventsByRule
) -> Iterator[Mapping[str, Any]]:
    rule = rules[name]
    if not isinstance(rule.aggregation, Correlation):
        yield from events[name]
        return
    for anchor in list_anchors(rule, rules, events):
        if anchor.fires:
            group = dict(zip(rule.aggregation.group_by, anchor.row.group, strict=True))
            yield {
                **anchor.row.event,
                "metric": anchor.metric,
                "event_count": anchor.event_count,
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
    deciding = [each for each in window if _is_member(correlation, each)]
    metric = _compute_metric(correlation, deciding)
    return WindowAnchor(
        row=row,
        window=window,
        event_count=len(deciding),
        metric=metric,
        fires=_is_member(correlation, row) and _is_firing(correlation, row, deciding, metric),
    )


def _is_member(correlation: Correlation, row: WindowRow) -> bool:
    return bool(row.rules - correlation.optional)


def _build_absence_anchor(
    correlation: Correlation, row: WindowRow, rows: list[WindowRow], known_until: datetime | None
) -> WindowAnchor:
    """The window that begins with an event, where some of the rules must not match."""
    group = [each for each in rows if each.group == row.group]
    end = row.time + correlation.timespan
    window = [each for each in group if row.time <= each.time <= end]
    begin = row.time if correlation.type == "temporal_ordered" else row.time - correlation.timespan
    is_disturbed = any(
        each.rules & set(correlation.absent) for each in group if begin <= each.time <= end
    )
    deciding = [each for each in window if _is_member(correlation, each)]
    wanted = list(correlation.present)
    if correlation.type == "temporal":
        distinct = list(dict.fromkeys(wanted))
        is_there = _count_fitting(distinct, window) == len(distinct)
    else:
        first, *later = wanted
        is_there = first in row.rules and any(
            _has_following(later, window, [each])
            for each in window
            if each.time == row.time and first in each.rules
        )
    is_past = known_until is None or end <= known_until
    return WindowAnchor(
        row=row,
        window=window,
        event_count=len(deciding),
        metric=float(len(deciding)),
        fires=_is_member(correlation, row) and is_there and is_past and not is_disturbed,
    )


def _has_following(steps: list[str], window: list[WindowRow], used: list[WindowRow]) -> bool:
    """Whether different events of these rules, none of them used, follow the last used one."""
    if not steps:
        return True
    step, *later = steps
    return any(
        _has_following(later, window, [*used, each])
        for each in window
        if step in each.rules
        and each.time >= used[-1].time
        and not any(each is other for other in used)
    )


def _compute_metric(correlation: Correlation, window: list[WindowRow]) -> float | None:
    values = sorted(row.value for row in window if row.value is not None)
    match correlation.type:
        case "value_count":
            return float(len(set(values)))
        case "value_sum" | "value_avg":
            parts = len(values) if correlation.type == "value_avg" else 1
            return float(sum(values)) / parts if values else None
        case "value_percentile":
            return _compute_quantile(values, correlation.percentile / 100)
        case "value_median":
            return _compute_quantile(values, 0.5)
    if correlation.type == "temporal" and correlation.limit is not None:
        return float(_count_fitting(list(dict.fromkeys(correlation.members)), window))
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
        needed = len(set(correlation.members)) if correlation.limit is None else correlation.limit
        return _count_fitting(list(dict.fromkeys(correlation.members)), window) >= needed
    if correlation.type == "temporal_ordered":
        *earlier, last = correlation.members
        return last in row.rules and any(
            _has_chain(earlier, window, [end])
            for end in window
            if end.time == row.time and last in end.rules
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


def _count_fitting(rules: list[str], window: list[WindowRow]) -> int:
    """Of these rules, how many at most have an event, each another one."""
    return _try_rules(rules, Counter(frozenset(each.rules) for each in window))


def _try_rules(rules: list[str], kinds: Counter[frozenset[str]]) -> int:
    """The same, of events by the rules that they match: of one kind, each is as good as others."""
    if not rules:
        return 0
    first, *others = rules
    tried = [1 + _try_rules(others, kinds - Counter([each])) for each in kinds if first in each]
    return max([_try_rules(others, kinds), *tried])


def _has_chain(steps: list[str], window: list[WindowRow], used: list[WindowRow]) -> bool:
    """Whether different events of these rules, none of them used, lead up to the last used one."""
    if not steps:
        return True
    *earlier, step = steps
    return any(
        _has_chain(earlier, window, [*used, each])
        for each in window
        if step in each.rules
        and each.time <= used[-1].time
        and not any(each is other for other in used)
    )


# ---- members


def _build_member(rule: Rule, anchor: WindowAnchor) -> WindowMember:
    if not anchor.fires:
        return WindowMember(row=anchor.row, anchor=None, severity=Severity.INFORMATIONAL)
    return WindowMember(row=anchor.row, anchor=anchor, severity=compute_severity(rule, anchor))


def compute_severity(rule: Rule, anchor: WindowAnchor) -> Severity:
    """By cases and steps whose predicates are Python over `metric`, `event_count` and groups."""
    names = dict(zip(rule.aggregation.group_by, anchor.row.group, strict=True))
    names |= {"metric": anchor.metric, "event_count": anchor.event_count}
    deciding = [each for each in anchor.window if _is_member(rule.aggregation, each)]
    for place, condition in enumerate(rule.aggregation.member_conditions):
        asked = deciding if condition.rule is None else anchor.window
        names[f"when{place}"] = _is_answered(condition, asked)

    def is_true(predicate: str) -> bool:
        return eval(predicate.replace(" = ", " == ").replace('"#when0"', "when0"), {}, names)

    level = next(
        (case.level for case in rule.severity_cases if is_true(case.predicate)), rule.level
    )
    for step in rule.severity_steps:
        if is_true(step.predicate):
            level = max(level, Severity(min(level + step.increment, step.max_severity)))
    return level


def _is_answered(condition: MemberCondition, window: list[WindowRow]) -> bool:
    """By predicates such as `COALESCE("ip" = 'a', FALSE)`."""
    pattern = r"COALESCE\(\"(\w+)\" = '(\w+)', FALSE\)"
    field, wanted = re.fullmatch(pattern, condition.predicate).groups()
    found = [
        each.event.get(field) == wanted
        for each in window
        if condition.rule is None or condition.rule in each.rules
    ]
    return bool(found) and (all(found) if condition.is_about_all else any(found))
