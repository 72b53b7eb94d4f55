"""Events that several correlations look at, read from the archive once for all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import duckdb

from collector.escaping import quote_identifier
from collector.evaluation.correlation.leaf_events import LeafEvents, TypeReading
from collector.evaluation.event_views import EventViews, TimeSpan, render_span_filter
from collector.evaluation.temp_tables import TempTables

MAX_EVENTS = 500_000
"""Of a type with more of them in the files of a span, each correlation reads what it needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedEvents:
    """Tables of events by type; each has those that any of the correlations looks at."""

    tables: Mapping[str, str] = field(default_factory=dict)

    def share_with(self, leaf_events: LeafEvents) -> LeafEvents:
        """The same events, read from these tables where there are some of their type."""
        return leaf_events.read_from(self.tables)


def read_shared_events(
    events: EventViews, correlations: Sequence[LeafEvents], tables: TempTables
) -> SharedEvents:
    """Read what more than one of the correlations, or of the rules below them, looks at.

    What cannot be read so is left to each of them: that one of them fails is not to hurt others.
    """
    readings: dict[str, list[TypeReading]] = {}
    for correlation in correlations:
        for reading in correlation.list_readings():
            readings.setdefault(reading.event_type, []).append(reading)
    shared = {
        event_type: table
        for event_type, of_type in readings.items()
        if len(of_type) > 1
        for table in _read_type(events, event_type, of_type, tables)
    }
    return SharedEvents(tables=shared)


def _read_type(
    events: EventViews, event_type: str, readings: Sequence[TypeReading], tables: TempTables
) -> Iterator[str]:
    """A table with the events of a type that any of them looks at; none where they are too many."""
    span = _join_spans([reading.span for reading in readings])
    if events.count_filed_events(event_type, span) > MAX_EVENTS:
        return
    columns = sorted({column for reading in readings for column in reading.columns})
    condition = " OR ".join(dict.fromkeys(map(_render_condition, readings)))
    try:
        relation = events.select_events(event_type, span, columns)
        if relation is not None:
            yield tables.create_table(
                f"SELECT {', '.join(map(quote_identifier, columns))} FROM {relation} AS events"
                f" WHERE {condition}"
            )
    except duckdb.InterruptException:
        raise
    except duckdb.Error:
        return


def _render_condition(reading: TypeReading) -> str:
    return f"({reading.condition} AND {render_span_filter(reading.span)})"


def _join_spans(spans: Sequence[TimeSpan]) -> TimeSpan:
    return min(first for first, _ in spans), max(last for _, last in spans)
