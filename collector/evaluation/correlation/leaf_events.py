"""The events of a plain rule that a correlation looks at, from the archive and the batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from collector import normalize
from collector.detect import RuleSet, correlation_sql
from collector.escaping import quote_identifier
from collector.evaluation.correlation.batch_scan import render_as_text
from collector.evaluation.event_views import EventViews, TimeSpan
from collector.model import Rule
from collector.model.event_columns import CANONICAL_COLUMNS, HEADER_COLUMNS


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafEvents:
    """The events that a correlation looks at.

    Attributes:
        groups_table: a table with the only groups (`g0`, `g1`, …) to select; None for all.
    """

    rules: RuleSet
    rule: Rule
    events: EventViews
    span: TimeSpan
    groups_table: str | None

    def select_leaf(self, leaf: str) -> str:
        """SQL: the leaf's events, with the fields that the correlation reads (`LeafSource`)."""
        fields = correlation_sql.list_leaf_fields(self.rule, self.rules.by_name, leaf)
        types = self.rules.by_name[leaf].event_types or self.events.list_logged_types()
        empty = [f"NULL::{CANONICAL_COLUMNS[name]} AS {name}" for name in HEADER_COLUMNS]
        empty += [f"NULL::VARCHAR AS {quote_identifier(field)}" for field in fields]
        parts = [part for name in types for part in self._select_type(leaf, name, fields)]
        return " UNION ALL ".join([f"SELECT {', '.join(empty)} WHERE FALSE", *parts])

    def _select_type(self, leaf: str, event_type: str, fields: Sequence[str]) -> Iterator[str]:
        (rule,) = (each for each in self.rules.select_by_type(event_type) if each.name == leaf)
        columns = {normalize.find_physical_column(field, event_type) for field in fields}
        relation = self.events.select_events(
            event_type, self.span, sorted({*rule.fields, *columns})
        )
        if relation is None:
            return
        selected = [
            *HEADER_COLUMNS,
            *(f"{render_as_text(f, event_type)} AS {quote_identifier(f)}" for f in fields),
        ]
        yield (
            f"SELECT {', '.join(selected)} FROM {relation} AS events"
            f" WHERE {rule.predicate} AND {self._render_group_filter(leaf, event_type)}"
        )

    def _render_group_filter(self, leaf: str, event_type: str) -> str:
        if self.groups_table is None:
            return "TRUE"
        names = correlation_sql.list_group_fields(self.rule, self.rules.by_name, leaf)
        values = ", ".join(render_as_text(str(name), event_type) for name in names)
        group_columns = ", ".join(f"g{place}" for place in range(len(names)))
        return f"({values}) IN (SELECT ({group_columns}) FROM {self.groups_table})"
