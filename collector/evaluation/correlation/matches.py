"""The events that lie in firing windows of a correlation, as matches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from collector import normalize
from collector.detect import RuleSet, correlation_sql, dedup, title_template
from collector.detect.event_rows import list_column_names, name_values
from collector.detect.lists import list_context
from collector.escaping import quote_identifier, quote_literal
from collector.evaluation.event_views import EventViews, TimeSpan, render_span_filter
from collector.evaluation.rule_matcher import extract_entities
from collector.model import Correlation, Event, Match, MemberCondition, Rule, Severity
from collector.model.event_columns import CANONICAL_COLUMNS, ENTITY_COLUMNS
from collector.store.awaited_absences import AbsenceHorizon

_UID_COLUMN = "#uid"  # no column of an event can have such a name


@dataclass(frozen=True, slots=True, kw_only=True)
class FiringEvents:
    """The firing events of one evaluation of a rule.

    Attributes:
        table: the rows of `correlation_sql.select_firing_events`.
        scope: the times for which it is complete.
        span: the times of the events that it was computed from.
        touched: the times of windows that end with what they may have changed; None for none.
        horizon: up to when it is known what has not come, where something is waited for.
    """

    rules: RuleSet
    rule: Rule
    table: str
    scope: TimeSpan
    span: TimeSpan
    touched: TimeSpan | None
    horizon: AbsenceHorizon | None = None

    @property
    def match_uid(self) -> str:
        """SQL: the match uid of a firing event, which may be in several matches."""
        return correlation_sql.render_match_uid(self.rule, self.rules.by_name)

    def read_weights(
        self, connection: duckdb.DuckDBPyConnection
    ) -> dict[str, tuple[Severity, float]]:
        """By match uid, the severity and weight of every firing event in the scope."""
        rows = connection.execute(
            f"SELECT {self.match_uid}, severity, metric FROM {self.table}"
            f" WHERE {render_span_filter(self.scope)}"
        ).fetchall()
        return {
            uid: (Severity(severity), _compute_weight(self.rule, m)) for uid, severity, m in rows
        }

    def list_touched_uids(self, connection: duckdb.DuckDBPyConnection) -> set[str]:
        """The match uids of the firing windows that may be other ones than they were.

        Not every window with another event in it has another metric, and its match tells more.
        """
        if self.touched is None:
            return set()
        rows = connection.execute(
            f"SELECT {self.match_uid} FROM {self.table}"
            f" WHERE metric IS NOT NULL AND {render_span_filter(self.touched)}"
        ).fetchall()
        return {uid for (uid,) in rows}

    def find_list_entries(self, event: Event) -> Iterator[Mapping[str, Any]]:
        """The entries of value lists that the rules below it match in an event."""
        for leaf in correlation_sql.list_leaves(self.rule, self.rules.by_name):
            variant = self.rules.find_variant(leaf, event["event_type"])
            yield from list_context.collect_list_context(variant, event, self.rules.lists)


def build_matches(firing: FiringEvents, events: EventViews, uids: Sequence[str]) -> Iterator[Match]:
    """The firing events with these match uids as matches."""
    rule = firing.rule
    correlation = rule.aggregation
    assert isinstance(correlation, Correlation)  # noqa: S101 - only these have members
    template = title_template.parse_rule_title(rule)
    for row, event in _read_event_rows(firing, events, uids):
        fields = {**event, **{k: v for k, v in row.items() if v is not None}}
        yield Match(
            org=events.org,
            rule=rule.name,
            event_uid=row[_UID_COLUMN],
            time=row["time"],
            received=row["complete"],
            severity=Severity(row["severity"]),
            title=template.render_title(fields),
            key=dedup.build_dedup_key(rule, fields),
            entities=extract_entities(
                fields, dict.fromkeys((*ENTITY_COLUMNS, *correlation.group_by))
            ),
            event=event,
            weight=_compute_weight(rule, row["metric"]),
            context=(
                *_build_window_context(correlation, row, firing.horizon),
                *firing.find_list_entries(fields),
            ),
        )


def _read_event_rows(
    firing: FiringEvents, events: EventViews, uids: Sequence[str]
) -> Iterator[tuple[dict[str, Any], Event]]:
    """The rows of firing events with these match uids, each with the whole event."""
    connection = events.connection
    shown = sorted(firing.rule.fields - CANONICAL_COLUMNS.keys())
    names_of_event = [*CANONICAL_COLUMNS, *shown]
    types = connection.execute(f"SELECT DISTINCT event_type FROM {firing.table}").fetchall()
    for (event_type,) in sorted(types):
        plain = events.select_plain_events(event_type, firing.span)
        if plain is None:
            continue
        # Files of earlier versions may lack columns that came later.
        sources = [normalize.find_physical_column(name, event_type) for name in shown]
        needs = (*CANONICAL_COLUMNS, *sorted(set(sources)))
        relation = events.show_events(plain, firing.table, needs)
        columns = ", ".join(
            f"e.{quote_identifier(name)}" for name in (*CANONICAL_COLUMNS, *sources)
        )
        result = connection.execute(
            f"SELECT m.*, {columns} FROM"
            f" (SELECT *, {firing.match_uid} AS {quote_identifier(_UID_COLUMN)} FROM {firing.table}"
            f" WHERE event_type = {quote_literal(event_type)}) AS m"
            f" JOIN {relation} AS e USING (event_uid)"
            f" WHERE m.{quote_identifier(_UID_COLUMN)} IN (SELECT unnest($uids))",
            {"uids": list(uids)},
        )
        width = len(result.description) - len(names_of_event)
        names = list_column_names(result)[:width]
        while rows := result.fetchmany(1_000):
            for row in rows:
                yield (
                    name_values(names, row[:width]),
                    name_values(names_of_event, row[width:]),
                )


def _compute_weight(rule: Rule, metric: float | None) -> float:
    """How far the window went: of equal severity, the greatest counts."""
    falls = isinstance(rule.aggregation, Correlation) and rule.aggregation.operator in {"lt", "lte"}
    if metric is None:
        return 0.0
    return -float(metric) if falls else float(metric)


def _build_window_context(
    correlation: Correlation, row: Mapping[str, Any], horizon: AbsenceHorizon | None
) -> tuple[Mapping[str, Any], ...]:
    """The window that ends, or begins, with the event; nothing where that one does not fire."""
    if row["metric"] is None:
        return ()
    return (
        {
            "kind": "window",
            "type": correlation.type,
            "rules": list(correlation.present),
            "metric": float(row["metric"]),
            "operator": correlation.operator,
            "limit": correlation.limit,
            "event_count": row["event_count"],
            "window_start": row["window_start"].isoformat(),
            "window_end": row["window_end"].isoformat(),
            "timespan_seconds": int(correlation.timespan.total_seconds()),
            "group": {name: str(row[name]) for name in correlation.group_by},
            **_list_answers(correlation, row),
            **_describe_absence(correlation, row, horizon),
        },
    )


def _describe_absence(
    correlation: Correlation, row: Mapping[str, Any], horizon: AbsenceHorizon | None
) -> dict[str, object]:
    """What has not come; up to when streams were read that were not read to its window's end."""
    if not correlation.absent:
        return {}
    unread = {
        stream: until.isoformat()
        for stream, until in (horizon.unread if horizon else {}).items()
        if until < row["window_end"]
    }
    return {"absent": list(correlation.absent), **({"unread": unread} if unread else {})}


def _list_answers(correlation: Correlation, row: Mapping[str, Any]) -> dict[str, list[int]]:
    """Which of the conditions about its events hold in the window; nothing without conditions."""
    answers = [
        row[MemberCondition.name_answer(place)]
        for place in range(len(correlation.member_conditions))
    ]
    return {"answers": answers} if answers else {}
