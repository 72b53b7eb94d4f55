"""What is beside an event: others of its session, its login or its request, around its time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import duckdb
import sqlalchemy as sa

from collector.api.readable_files import select_present_files
from collector.archive import parquet_sql
from collector.archive.store import ArchiveStore
from collector.escaping import quote_identifier, quote_literal
from collector.model import Event
from collector.model.event_columns import LINK_COLUMNS
from collector.store import ledger

NEIGHBOUR_MARGIN = timedelta(days=1)
"""How long before and after an event its neighbours may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NeighbourGroup:
    """The other events of one type that have the same value in `column`."""

    column: str
    event_type: str
    count: int
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceContext:
    """What events are traced in: the state and the archive, with an engine to read it."""

    state: sa.Connection
    engine: duckdb.DuckDBPyConnection
    archive: ArchiveStore


def count_neighbours(trace_context: TraceContext, event: Event) -> Iterator[NeighbourGroup]:
    """How many events of each type share a link with it and lie around it, by link."""
    link_columns = [column for column in LINK_COLUMNS if event.get(column)]
    period = (event["time"] - NEIGHBOUR_MARGIN, event["time"] + NEIGHBOUR_MARGIN)
    files = select_present_files(
        trace_context.archive,
        ledger.list_archive_files(trace_context.state, org=event["org"], between=period),
    )
    if not link_columns or not files:
        return
    events = parquet_sql.build_relation(trace_context.archive.locate_files(files))
    counts = " UNION ALL ".join(
        f"SELECT {index} AS link_index, event_type, count(*) AS size, min(time), max(time)"
        f" FROM {events} WHERE {_render_link_condition(column, event)}"
        f" AND {_render_neighbour_filter(event)} GROUP BY event_type"
        for index, column in enumerate(link_columns)
    )
    for index, event_type, count, first, last in trace_context.engine.execute(
        f"{counts} ORDER BY link_index, size DESC, event_type"
    ).fetchall():
        yield NeighbourGroup(
            column=link_columns[index],
            event_type=event_type,
            count=count,
            first=first.astimezone(UTC),
            last=last.astimezone(UTC),
        )


def _render_link_condition(column: str, event: Event) -> str:
    return f"{quote_identifier(column)} = {quote_literal(event[column])}"


def _render_neighbour_filter(event: Event) -> str:
    first, last = (
        f"TIMESTAMPTZ {quote_literal(moment.isoformat(sep=' '))}"
        for moment in (event["time"] - NEIGHBOUR_MARGIN, event["time"] + NEIGHBOUR_MARGIN)
    )
    return f"event_uid <> {quote_literal(event['event_uid'])} AND time BETWEEN {first} AND {last}"


def render_neighbour_queries(event: Event) -> dict[str, str]:
    """The SQL for `hunt` that shows its neighbours, by each link column that it has a value in."""
    return {
        column: _render_neighbour_query(column, event)
        for column in LINK_COLUMNS
        if event.get(column)
    }


def _render_neighbour_query(column: str, event: Event) -> str:
    return (
        f"SELECT time, event_type, user_name, source_ip, operation, entity, record_count"
        f" FROM events WHERE org = {quote_literal(event['org'])}"
        f" AND {column} = {quote_literal(event[column])} ORDER BY time"
    )
