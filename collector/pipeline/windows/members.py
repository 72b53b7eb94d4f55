"""The events that lie in firing windows of a correlation, as matches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb

from collector import normalize
from collector.detect import RuleSet, dedup, title, windows
from collector.detect.lists import listed
from collector.detect.match import ENTITY_LIMIT
from collector.model import ENTITY_FIELDS, Correlation, Event, Match, Rule, Severity
from collector.pipeline.events import Events, Span, within
from collector.text import cut, sql_identifier, sql_literal

_UID = "#uid"  # no column of an event can have such a name


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The members that one evaluation of a rule has found.

    Attributes:
        table: what `detect.windows.members` gives.
        scope: the times for which it is complete.
        span: the times of the events that it was made of.
    """

    rules: RuleSet
    rule: Rule
    table: str
    scope: Span
    span: Span

    @property
    def uid(self) -> str:
        """SQL: the uid of a member as a match, of which an event may be several."""
        return windows.match_uid(self.rule, self.rules.by_name)

    def held(self, connection: duckdb.DuckDBPyConnection) -> dict[str, tuple[Severity, float]]:
        """By uid, the severity and weight of every member in the scope."""
        rows = connection.execute(
            f"SELECT {self.uid}, severity, metric FROM {self.table} WHERE {within(self.scope)}"
        ).fetchall()
        return {uid: (Severity(severity), _weight(self.rule, m)) for uid, severity, m in rows}

    def listed(self, event: Event) -> Iterator[Mapping[str, Any]]:
        """The entries of lists that the rules below it have found in an event."""
        for leaf in windows.leaves(self.rule, self.rules.by_name):
            fitting = self.rules.variant(leaf, event["event_type"])
            yield from listed.context(fitting, event, self.rules.lists)


def matches(found: Found, events: Events, uids: Sequence[str]) -> Iterator[Match]:
    """Members as matches."""
    rule = found.rule
    correlation = rule.over
    assert isinstance(correlation, Correlation)  # noqa: S101 - only these have members
    template = title.of(rule)
    for member, event in _rows(found, events, uids):
        shown = {**event, **{k: v for k, v in member.items() if v is not None}}
        yield Match(
            org=events.org,
            rule=rule.name,
            event_uid=member[_UID],
            time=member["time"],
            received=member["complete"],
            severity=Severity(member["severity"]),
            title=template.render(shown),
            key=dedup.key(rule, shown),
            entities=_entities(correlation, shown),
            event=event,
            weight=_weight(rule, member["metric"]),
            context=(*_window(correlation, member), *found.listed(shown)),
        )


def _rows(
    found: Found, events: Events, uids: Sequence[str]
) -> Iterator[tuple[dict[str, Any], Event]]:
    """Each wanted member with the event that it is."""
    connection = events.connection
    columns = ", ".join(f"e.{sql_identifier(name)}" for name in normalize.CANONICAL)
    types = connection.execute(f"SELECT DISTINCT event_type FROM {found.table}").fetchall()
    for (event_type,) in sorted(types):
        relation = events.of(event_type, found.span, ())
        if relation is None:
            continue
        result = connection.execute(
            f"SELECT m.*, {columns} FROM (SELECT *, {found.uid} AS {sql_identifier(_UID)}"
            f" FROM {found.table} WHERE event_type = {sql_literal(event_type)}) AS m"
            f" JOIN {relation} AS e USING (event_uid)"
            f" WHERE m.{sql_identifier(_UID)} IN (SELECT unnest($uids))",
            {"uids": list(uids)},
        )
        width = len(result.description) - len(normalize.CANONICAL)
        names = [column[0] for column in result.description[:width]]
        while rows := result.fetchmany(1_000):
            for row in rows:
                yield _named(names, row), _named(tuple(normalize.CANONICAL), row[width:])


def _named(names: Sequence[str], row: Sequence[Any]) -> dict[str, Any]:
    return {
        name: value.astimezone(UTC) if isinstance(value, datetime) else value
        for name, value in zip(names, row, strict=False)
    }


def _weight(rule: Rule, metric: float | None) -> float:
    """Of equal severity, the window that went further counts."""
    falls = isinstance(rule.over, Correlation) and rule.over.operator in {"lt", "lte"}
    if metric is None:
        return 0.0
    return -float(metric) if falls else float(metric)


def _entities(correlation: Correlation, shown: Event) -> dict[str, str]:
    names = dict.fromkeys((*ENTITY_FIELDS, *correlation.group_by))
    return {
        name: cut(str(value), ENTITY_LIMIT)
        for name in names
        if (value := shown.get(name)) is not None
    }


def _window(correlation: Correlation, member: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """The window that ends with the event; nothing where that one does not fire."""
    if member["metric"] is None:
        return ()
    return (
        {
            "kind": "window",
            "type": correlation.type,
            "rules": list(correlation.rules),
            "metric": float(member["metric"]),
            "operator": correlation.operator,
            "limit": correlation.limit,
            "event_count": member["event_count"],
            "window_start": member["window_start"].isoformat(),
            "window_end": member["window_end"].isoformat(),
            "timespan_seconds": int(correlation.timespan.total_seconds()),
            "group": {name: str(member[name]) for name in correlation.group_by},
        },
    )
