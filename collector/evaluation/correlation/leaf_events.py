"""The events of a plain rule that a correlation looks at, from the archive and the batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from collector import normalize
from collector.clock import to_micros
from collector.detect import RuleSet, correlation_sql
from collector.escaping import quote_identifier
from collector.evaluation.correlation.touched_groups import render_as_text
from collector.evaluation.event_views import EventViews, TimeSpan, render_span_filter
from collector.model import Rule
from collector.model.event_columns import CANONICAL_COLUMNS, HEADER_COLUMNS
from collector.store.awaited_absences import AbsenceHorizon


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeReading:
    """What is read of a type for one rule: the columns and the SQL condition, of a span."""

    event_type: str
    columns: frozenset[str]
    condition: str
    span: TimeSpan


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafEvents:
    """The events that a correlation looks at.

    Attributes:
        groups_table: a table with the only groups (`g0`, `g1`, …) to select; None for all.
        members: by rule that compares with the past, a table with the `event_uid` of its matches.
        tables: by event type, a table that has them beside others; of other types they are read.
        horizon: up to when it is known what has not come; None where nothing is waited for.
    """

    rules: RuleSet
    rule: Rule
    events: EventViews
    span: TimeSpan
    groups_table: str | None
    members: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, str] = field(default_factory=dict)
    horizon: AbsenceHorizon | None = None

    def render_known_until(self) -> str | None:
        """SQL of the horizon in microseconds, as windows ask for it; None where there is none."""
        return None if self.horizon is None else str(to_micros(self.horizon.known_until))

    def read_from(self, tables: Mapping[str, str]) -> LeafEvents:
        """The same events, read from these tables as far as there are some."""
        return replace(self, tables=tables)

    def list_readings(self) -> Iterator[TypeReading]:
        """What is read of each type for each of the plain rules."""
        for leaf in correlation_sql.list_leaves(self.rule, self.rules.by_name):
            for event_type in self._list_types(leaf):
                yield self._describe_reading(leaf, event_type)

    def select_leaf(self, leaf: str) -> str:
        """SQL: the leaf's events, with the fields that the correlation reads (`LeafSource`)."""
        fields = self._list_fields(leaf)
        empty = [f"NULL::{CANONICAL_COLUMNS[name]} AS {name}" for name in HEADER_COLUMNS]
        empty += [f"NULL::VARCHAR AS {quote_identifier(field)}" for field in fields]
        parts = [part for name in self._list_types(leaf) for part in self._select_type(leaf, name)]
        return " UNION ALL ".join([f"SELECT {', '.join(empty)} WHERE FALSE", *parts])

    def _list_types(self, leaf: str) -> Sequence[str]:
        return self.rules.by_name[leaf].event_types or self.events.list_logged_types()

    def _list_fields(self, leaf: str) -> Sequence[str]:
        return correlation_sql.list_leaf_fields(self.rule, self.rules.by_name, leaf)

    def _describe_reading(self, leaf: str, event_type: str) -> TypeReading:
        rule = self.rules.find_variant(leaf, event_type)
        group_fields = (
            correlation_sql.list_group_fields(self.rule, self.rules.by_name, leaf)
            if self.groups_table
            else ()
        )
        fields = {*self._list_fields(leaf), *map(str, group_fields)}
        columns = {normalize.find_physical_column(field, event_type) for field in fields}
        return TypeReading(
            event_type=event_type,
            columns=frozenset({*rule.condition_fields, *columns, *HEADER_COLUMNS}),
            condition=(
                f"{rule.predicate} AND {self._render_member_filter(leaf)}"
                f" AND {self._render_group_filter(leaf, event_type)}"
            ),
            span=self.span,
        )

    def _select_type(self, leaf: str, event_type: str) -> Iterator[str]:
        reading = self._describe_reading(leaf, event_type)
        relation = self._select_relation(reading)
        if relation is None:
            return
        selected = [
            *HEADER_COLUMNS,
            *(
                f"{render_as_text(field, event_type)} AS {quote_identifier(field)}"
                for field in self._list_fields(leaf)
            ),
        ]
        yield (f"SELECT {', '.join(selected)} FROM {relation} AS events WHERE {reading.condition}")

    def _select_relation(self, reading: TypeReading) -> str | None:
        table = self.tables.get(reading.event_type)
        if table is None:
            columns = sorted(reading.columns)
            return self.events.select_events(reading.event_type, reading.span, columns)
        return f"(SELECT * FROM {table} WHERE {render_span_filter(reading.span)})"

    def _render_member_filter(self, leaf: str) -> str:
        table = self.members.get(leaf)
        return "TRUE" if table is None else f"event_uid IN (SELECT event_uid FROM {table})"

    def _render_group_filter(self, leaf: str, event_type: str) -> str:
        if self.groups_table is None:
            return "TRUE"
        names = correlation_sql.list_group_fields(self.rule, self.rules.by_name, leaf)
        values = ", ".join(render_as_text(str(name), event_type) for name in names)
        group_columns = ", ".join(f"g{place}" for place in range(len(names)))
        return f"({values}) IN (SELECT ({group_columns}) FROM {self.groups_table})"
