"""Windows that fire as matches: their heaviest events, and the past that they stand out from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from collector.detect import dedup, title
from collector.detect.match import ENTITY_LIMIT
from collector.detect.past import baseline
from collector.detect.past.baseline import Usual
from collector.detect.past.novelty import micros
from collector.detect.past.selected import value, values
from collector.model import ENTITY_FIELDS, Baseline, Event, Match, Rule
from collector.pipeline.past.measured import Touched, rows_of, spans
from collector.pipeline.past.selections import Selection, days, moment
from collector.pipeline.past.verdicts import Verdicts
from collector.pipeline.scratch import Tables
from collector.store.measures import Measure, Place
from collector.text import cut, sql_literal

EVIDENCE = 10
"""Events of a window that are shown."""

RECENT = 12
"""Windows of the past that are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlier:
    """A window that fires, what is usual, and its group and events as they are to be shown."""

    place: Place
    measure: Measure
    usual: Usual
    recent: Sequence[tuple[int, float]]
    group: Mapping[str, str]
    events: Sequence[Event]

    def shown(self, rule: Baseline) -> dict[str, Any]:
        """What cases and titles may name of it."""
        start = self.place[1]
        facts = {
            "metric": self.measure.value,
            "mean": self.usual.mean,
            "deviations": self.usual.deviations(self.measure.value),
            "history": self.usual.windows,
            "event_count": self.measure.events,
            "window_start": moment(start),
            "window_end": moment(start + micros(rule.window)),
        }
        return {**facts, **self.group}


def matches(selection: Selection, verdicts: Verdicts, groups: Touched, made: Tables) -> list[Match]:
    """The windows that fire. Their groups are among those of `groups`."""
    if not verdicts.fired:
        return []
    found = [
        Outlier(
            place=place,
            measure=verdicts.windows[place],
            usual=verdicts.fired[place],
            recent=verdicts.recent[place],
            group=group,
            events=events,
        )
        for place, (group, events) in _events(selection, verdicts, groups, made).items()
    ]
    answers = _answers(selection, found)
    return [_match(selection, *each) for each in zip(found, answers, strict=True)]


# ---- the events


def _events(
    selection: Selection, verdicts: Verdicts, groups: Touched, made: Tables
) -> dict[Place, tuple[dict[str, str], list[Event]]]:
    """Group and heaviest events of each of the windows."""
    over = baseline.baseline(selection.rule)
    wanted = ", ".join(f"({sql_literal(key)}, {start}::BIGINT)" for key, start in verdicts.fired)
    keys = values(len(over.group_by))
    table = made.make(
        f"SELECT start, {keys} FROM (VALUES {wanted}) AS wanted(key, start)"
        f" JOIN (SELECT DISTINCT key, {keys} FROM {groups.table}) USING (key)"
    )
    found: dict[Place, list[tuple[int, dict[str, str], Event]]] = {}
    for span in spans(selection, verdicts.fired):
        parts = list(selection.within(span))
        rows = rows_of(selection, parts, table)
        heaviest = made.make(baseline.heaviest(selection.rule, rows, EVIDENCE))
        for part in parts:
            for place, rank, group, event in _rows(selection, part.relation, heaviest):
                found.setdefault(place, []).append((rank, group, event))
    return {place: _ranked(each) for place, each in sorted(found.items())}


def _rows(
    selection: Selection, relation: str, heaviest: str
) -> Iterator[tuple[Place, int, dict[str, str], Event]]:
    names = baseline.baseline(selection.rule).group_by
    group = ", ".join(f"heaviest.{value(place)}" for place in range(len(names)))
    result = selection.events.connection.execute(
        f"SELECT heaviest.key, heaviest.start, heaviest.rank, {group}, events.*"
        f" FROM {relation} AS events JOIN {heaviest} AS heaviest"
        " ON events.event_uid = heaviest.uid AND events.event_type = heaviest.of_type"
    )
    head = 3 + len(names)
    columns = [column[0] for column in result.description[head:]]
    for key, start, rank, *rest in result.fetchall():
        texts, fields = rest[: len(names)], rest[len(names) :]
        yield (key, start), rank, dict(zip(names, texts, strict=True)), _event(columns, fields)


def _event(names: Sequence[str], fields: Sequence[Any]) -> Event:
    return {
        name: field.astimezone(UTC) if isinstance(field, datetime) else field
        for name, field in zip(names, fields, strict=True)
        if field is not None
    }


def _ranked(
    found: Sequence[tuple[int, dict[str, str], Event]],
) -> tuple[dict[str, str], list[Event]]:
    ordered = sorted(found, key=lambda each: each[0])
    return ordered[0][1], [event for _, _, event in ordered]


# ---- the matches


def _answers(selection: Selection, found: Sequence[Outlier]) -> Sequence[Sequence[bool]]:
    """What the rule's cases and steps say of each window."""
    over = baseline.baseline(selection.rule)
    sql = baseline.answers(selection.rule)
    if sql is None or not found:
        return [()] * len(found)
    shown = [each.shown(over) for each in found]
    lists = [[each[name] for each in shown] for name in (*baseline.NAMES, *over.group_by)]
    return selection.events.connection.execute(sql, lists).fetchall()


def _match(selection: Selection, found: Outlier, answers: Sequence[bool]) -> Match:
    rule = selection.rule
    over = baseline.baseline(rule)
    uid = baseline.window_uid(rule, *found.place)
    first, *others = found.events
    event = {**first, **{k: v for k, v in found.shown(over).items() if v is not None}}
    return Match(
        org=selection.events.org,
        rule=rule.name,
        event_uid=uid,
        time=moment(found.measure.last),
        received=moment(found.measure.received),
        severity=baseline.severity(rule, answers),
        title=title.of(rule).render(event),
        key=dedup.key(rule, {**event, "event_uid": uid}),
        entities=_entities(over, event, others),
        event=event,
        weight=found.measure.value,
        count=found.measure.events,
        evidence=tuple(others),
        context=(_context(rule, found),),
    )


def _entities(rule: Baseline, event: Event, others: Sequence[Event]) -> dict[str, str]:
    """The values that hold for the whole window, as far as its events tell."""
    return {
        name: cut(str(event[name]), ENTITY_LIMIT)
        for name in ENTITY_FIELDS
        if name in event
        and (name in rule.group_by or all(o.get(name) == event[name] for o in others))
    }


def _context(rule: Rule, found: Outlier) -> dict[str, object]:
    over = baseline.baseline(rule)
    shown = found.shown(over)
    return {
        "kind": "baseline",
        "metric": over.metric,
        "field": over.field,
        "value": found.measure.value,
        "event_count": found.measure.events,
        "mean": found.usual.mean,
        "stddev": found.usual.deviation,
        "windows": found.usual.windows,
        "window_start": shown["window_start"].isoformat(),
        "window_end": shown["window_end"].isoformat(),
        "group": dict(found.group),
        "history_days": days(over.history),
        "recent": [[moment(start).isoformat(), value] for start, value in found.recent[-RECENT:]],
    }
