"""FROM items over one org's events: those of a batch, and the committed ones around them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import duckdb

from collector import normalize
from collector.archive import parquet_sql
from collector.archive.parquet_sql import FileLocation
from collector.directory.display_names import NAMED_FIELDS
from collector.escaping import quote_identifier, quote_literal
from collector.evaluation.event_directory import COMPLETED_NAMES, EventDirectory
from collector.evaluation.file_memory import FileMemory, ListFiles, TimeSpan
from collector.evaluation.nearby_files import choose_nearby_files
from collector.evaluation.rejudged_events import RejudgedEvents
from collector.evaluation.temp_tables import TempTables
from collector.model import ArchiveFile
from collector.normalize import DerivedTypeSql
from collector.normalize.derived_types import expand_derived_types, list_affected_types
from collector.normalize.fact_changes import DerivedChanges

__all__ = ["EventViews", "TimeSpan", "render_span_filter"]


MAX_KEPT_EVENTS = 20_000
"""Derived records that are made of more committed events are made anew for each who reads them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _ViewTables:
    """The tables that derived records are made by: the engine's, or in place of them their SQL."""

    connection: duckdb.DuckDBPyConnection
    temp_tables: TempTables | None

    def create_table(self, select: str) -> str:
        """A FROM item with the rows of a SELECT."""
        return f"({select})" if self.temp_tables is None else self.temp_tables.create_table(select)

    def read_values(self, select: str) -> list[Any]:
        """The values of the first column of a SELECT."""
        return [row[0] for row in self.connection.execute(select).fetchall()]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventViews:
    """The events of one org.

    Attributes:
        list_files: the committed files of event types and a span.
        locate_files: what the engine reads files by.
        list_types: the event types of what is committed.
        event_type, fresh_files: what a batch brings, in files that are not yet committed.
        committed_events: in place of them, where the batch at work is committed: a FROM item with
            its events, which are among those of the committed files, too.
        temp_tables: where derived records are kept, so that they are computed once for a batch.
        directory: what the ids in the events stood for at their times.
        rejudged: in place of a batch, the committed events that another directory changes.
    """

    connection: duckdb.DuckDBPyConnection
    org: str
    list_files: ListFiles
    locate_files: Callable[[Iterable[ArchiveFile]], Sequence[FileLocation]]
    list_types: Callable[[], Sequence[str]]
    event_type: str = ""
    fresh_files: tuple[FileLocation, ...] = ()
    committed_events: str = ""
    temp_tables: TempTables | None = None
    directory: EventDirectory = field(default_factory=EventDirectory)
    rejudged: RejudgedEvents | None = None
    _columns_by_relation: dict[str, frozenset[str]] = field(default_factory=dict, repr=False)
    _changes_by_type: dict[str, DerivedChanges] = field(default_factory=dict, repr=False)
    _records_by_type: dict[str, tuple[TimeSpan, str]] = field(default_factory=dict, repr=False)

    def remember_files(self) -> EventViews:
        """The same views while nothing is committed: no list of files is asked for twice."""
        return replace(self, list_files=FileMemory(self.list_files))

    def count_filed_events(self, event_type: str, span: TimeSpan) -> int:
        """How many events at most a type has in a span, or those that a derived one is made of.

        Those of the batch are left out.
        """
        derived = normalize.DERIVED_EVENT_TYPES.get(event_type)
        if derived is not None:
            span = _widen_span(span, derived)
        types = expand_derived_types((event_type,))
        return sum(file.rows for file in self.list_files(list(types), span))

    def select_events(self, event_type: str, span: TimeSpan, needs: Sequence[str]) -> str | None:
        """A FROM item with all events of a type in a span; None when there is no file of them.

        `needs` are columns that it must have, NULL where no file has them; names and fields that
        the directory has are joined to the events.
        """
        relation = self.select_plain_events(event_type, span)
        return relation and self.complete_events(relation, needs, event_type)

    def select_plain_events(self, event_type: str, span: TimeSpan) -> str | None:
        """The same without anything that the files do not have."""
        derived = normalize.DERIVED_EVENT_TYPES.get(event_type)
        if derived is None:
            relation = self._select_stored((event_type,), span)
        else:
            relation = self._find_kept_records(derived, span) or self._select_derived(derived, span)
        if relation is None:
            return None
        columns = self.list_columns(relation)
        return self._note_columns(
            f"(SELECT * FROM {relation} WHERE {render_span_filter(span)})", columns
        )

    def complete_events(
        self, relation: str, needs: Sequence[str], event_type: str | None = None
    ) -> str:
        """A FROM item over one that these views have returned, with the columns that it needs.

        `event_type` is the type of its events; None where they are few, of whatever type.
        """
        columns = self.list_columns(relation)
        stored = [name for name in needs if name not in NAMED_FIELDS]
        padded = parquet_sql.pad_columns(relation, columns, stored)
        completed = self.directory.add_fields(padded, columns.union(stored), needs, event_type)
        return self._note_columns(completed, columns.union(needs))

    def show_events(self, relation: str, uids_table: str, fields: Iterable[str]) -> str:
        """A FROM item with those of a relation's events whose uids are in a table (`event_uid`).

        They have these fields, and all names that are known.
        """
        chosen = (
            f"(SELECT * FROM {relation} WHERE event_uid IN (SELECT event_uid FROM {uids_table}))"
        )
        needs = sorted(COMPLETED_NAMES.union(fields))
        return self.complete_events(self._note_columns(chosen, self.list_columns(relation)), needs)

    def select_batch_events(
        self, event_type: str, span: TimeSpan, needs: Sequence[str]
    ) -> str | None:
        """A FROM item with the events of a type that the batch brings, or that it changes.

        `span` holds the times of all that the batch brings.
        """
        if self.rejudged is not None:
            return self._select_rejudged(self.rejudged, event_type, self.directory, needs)
        if event_type == self.event_type:
            return self.complete_events(self._build_batch_relation(), needs, event_type)
        changes = self._find_changes(event_type, span)
        if changes is None:
            return None
        return self.complete_events(changes.after, needs, event_type)

    def select_replaced_events(
        self, event_type: str, span: TimeSpan, needs: Sequence[str]
    ) -> str | None:
        """A FROM item with the derived records that the batch changes, as they were before it.

        None where all that it brings is new; `span` as for `select_batch_events`. Of events that
        are judged again: the same events, as the directory was before.
        """
        if self.rejudged is not None:
            return self._select_rejudged(
                self.rejudged, event_type, self.rejudged.former_directory, needs
            )
        changes = self._find_changes(event_type, span)
        if changes is None or changes.before is None:
            return None
        return self.complete_events(changes.before, needs, event_type)

    def list_columns(self, relation: str) -> frozenset[str]:
        """The columns of a FROM item that these views have returned."""
        for event_type, changes in self._changes_by_type.items():
            if relation in {changes.after, changes.before}:
                return frozenset(normalize.DERIVED_EVENT_TYPES[event_type].columns)
        if relation not in self._columns_by_relation:
            self._columns_by_relation[relation] = parquet_sql.describe_columns(
                self.connection, relation
            )
        return self._columns_by_relation[relation]

    def _note_columns(self, relation: str, columns: frozenset[str]) -> str:
        """The relation, of which it is known now what columns it has."""
        self._columns_by_relation[relation] = columns
        return relation

    def list_batch_types(self) -> Iterator[str]:
        """The batch's type, and those that are derived from it."""
        if self.rejudged is not None:
            yield from self.rejudged.event_types
            return
        yield from list_affected_types(self.event_type)

    def list_logged_types(self) -> list[str]:
        """Every event type that was logged, the batch's among them."""
        batch_types = [self.event_type] if self.event_type else []
        return list(dict.fromkeys([*self.list_types(), *batch_types]))

    def _find_changes(self, event_type: str, span: TimeSpan) -> DerivedChanges | None:
        derived = normalize.DERIVED_EVENT_TYPES.get(event_type)
        if derived is None or self.event_type not in derived.source_types:
            return None
        if event_type not in self._changes_by_type:
            self._changes_by_type[event_type] = self._compute_changes(derived, span)
        return self._changes_by_type[event_type]

    def _compute_changes(self, derived: DerivedTypeSql, span: TimeSpan) -> DerivedChanges:
        """The derived records that the batch's events belong to."""
        tables = self._tables
        batch = self._pad_columns(self._build_batch_relation(), derived.fresh_columns)
        columns = ", ".join(map(quote_identifier, derived.fresh_columns))
        fresh = tables.create_table(f"SELECT {columns} FROM {batch}")
        reach = span[0] - derived.nearby_distance, span[1] + derived.nearby_distance
        locations = self._list_locations(derived.source_types, reach)
        nearby = choose_nearby_files(tables, derived, fresh, locations)
        stored = self._pad_columns(parquet_sql.build_relation(nearby), derived.required_columns)
        return derived.compute_changes(tables, fresh, stored)

    def _select_rejudged(
        self,
        rejudged: RejudgedEvents,
        event_type: str,
        directory: EventDirectory,
        needs: Sequence[str],
    ) -> str | None:
        """The committed events that are judged again, by one of the two directories."""
        relation = self.select_plain_events(event_type, rejudged.span)
        if relation is None:
            return None
        columns = self.list_columns(relation)
        chosen = rejudged.restrict_events(relation, columns)
        if chosen is None:
            return None
        views = replace(self, directory=directory)
        return views.complete_events(self._note_columns(chosen, columns), needs, event_type)

    @property
    def _tables(self) -> _ViewTables:
        return _ViewTables(connection=self.connection, temp_tables=self.temp_tables)

    def _find_kept_records(self, derived: DerivedTypeSql, span: TimeSpan) -> str | None:
        """The FROM item that has the derived records of a span, where they were kept."""
        kept_span, kept = self._records_by_type.get(derived.event_type, (span, None))
        return kept if kept_span[0] <= span[0] and span[1] <= kept_span[1] else None

    def _select_derived(self, derived: DerivedTypeSql, span: TimeSpan) -> str | None:
        """All derived records of the events of a span."""
        reach = _widen_span(span, derived)
        types = [name for name in derived.source_types if self._list_locations((name,), reach)]
        stored = self._select_stored(types, reach, derived.required_columns) if types else None
        if stored is None:
            return None
        columns = frozenset(derived.columns)
        is_small = self.count_filed_events(derived.event_type, span) <= MAX_KEPT_EVENTS
        if self.temp_tables is None or not is_small:
            select = derived.restrict_sources(types).build_select(stored)
            return self._note_columns(f"({select})", columns)
        kept = derived.keep_records(self._tables, stored)
        self._records_by_type[derived.event_type] = span, kept
        return self._note_columns(kept, columns)

    def _select_stored(
        self, types: Sequence[str], span: TimeSpan, needs: Sequence[str] = ()
    ) -> str | None:
        locations = self._list_locations(types, span)
        if not locations:
            return None
        return self._pad_columns(parquet_sql.build_relation(locations), needs)

    def _list_locations(self, types: Sequence[str], span: TimeSpan) -> list[FileLocation]:
        fresh = self.fresh_files if self.event_type in types else ()
        return [*self.locate_files(self.list_files(types, span)), *fresh]

    def _build_batch_relation(self) -> str:
        return self.committed_events or parquet_sql.build_relation(self.fresh_files)

    def _pad_columns(self, relation: str, needs: Sequence[str]) -> str:
        return parquet_sql.pad_columns(relation, self.list_columns(relation), needs)


def _widen_span(span: TimeSpan, derived: DerivedTypeSql) -> TimeSpan:
    return span[0] - derived.max_event_distance, span[1] + derived.max_event_distance


def render_span_filter(span: TimeSpan) -> str:
    """SQL: the event's time lies in the span."""
    first, last = (f"TIMESTAMPTZ {quote_literal(moment.isoformat())}" for moment in span)
    return f'"time" BETWEEN {first} AND {last}'
