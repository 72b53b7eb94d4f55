"""FROM items over one org's events: those of a batch, and the committed ones around them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

import duckdb

from collector import normalize
from collector.archive import parquet_sql
from collector.archive.parquet_sql import FileLocation
from collector.escaping import quote_identifier, quote_literal
from collector.evaluation.temp_tables import TempTables
from collector.model.event_columns import CANONICAL_COLUMNS
from collector.normalize import DerivedTypeSql

TimeSpan: TypeAlias = tuple[datetime, datetime]
"""A span of event time, both ends included."""

CommittedFiles: TypeAlias = Callable[[Sequence[str], TimeSpan], Sequence[FileLocation]]
"""The committed files of some event types of an org that may hold events of a span."""

_CANONICAL = frozenset(CANONICAL_COLUMNS)
"""The columns of derived records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _DerivedDiff:
    """FROM items with the derived records that a batch changes: after it, and before it.

    `before` is None where none of them existed.
    """

    after: str
    before: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventViews:
    """The events of one org.

    Attributes:
        list_files: the committed files of event types and a span.
        list_types: the event types of what is committed.
        event_type, fresh_files: what a batch brings, in files that are not yet committed.
        temp_tables: where the batch's derived records are kept, so that they are computed once.
    """

    connection: duckdb.DuckDBPyConnection
    org: str
    list_files: CommittedFiles
    list_types: Callable[[], Sequence[str]]
    event_type: str = ""
    fresh_files: tuple[FileLocation, ...] = ()
    temp_tables: TempTables | None = None
    _columns_by_relation: dict[str, frozenset[str]] = field(default_factory=dict, repr=False)
    _diffs_by_type: dict[str, _DerivedDiff] = field(default_factory=dict, repr=False)

    def select_events(self, event_type: str, span: TimeSpan, needs: Sequence[str]) -> str | None:
        """A FROM item with all events of a type in a span; None when there is no file of them.

        `needs` are columns that it must have, NULL where no file has them.
        """
        derived = normalize.DERIVED_EVENT_TYPES.get(event_type)
        if derived is None:
            relation = self._select_stored((event_type,), span, needs)
        else:
            relation = self._select_derived(derived, _widen_span(span, derived), needs)
        return relation and f"(SELECT * FROM {relation} WHERE {render_span_filter(span)})"

    def select_batch_events(
        self, event_type: str, span: TimeSpan, needs: Sequence[str]
    ) -> str | None:
        """A FROM item with the events of a type that the batch brings, or that it changes.

        `span` holds the times of all that the batch brings.
        """
        if event_type == self.event_type:
            return self._pad_columns(parquet_sql.build_relation(self.fresh_files), needs)
        diff = self._find_diff(event_type, span)
        return None if diff is None else parquet_sql.pad_columns(diff.after, _CANONICAL, needs)

    def select_replaced_events(
        self, event_type: str, span: TimeSpan, needs: Sequence[str]
    ) -> str | None:
        """A FROM item with the derived records that the batch changes, as they were before it.

        None where all that it brings is new; `span` as for `select_batch_events`.
        """
        diff = self._find_diff(event_type, span)
        if diff is None or diff.before is None:
            return None
        return parquet_sql.pad_columns(diff.before, _CANONICAL, needs)

    def list_columns(self, relation: str) -> frozenset[str]:
        """The columns of a FROM item that these views have returned."""
        if any(relation in {diff.after, diff.before} for diff in self._diffs_by_type.values()):
            return _CANONICAL
        if relation not in self._columns_by_relation:
            self._columns_by_relation[relation] = parquet_sql.describe_columns(
                self.connection, relation
            )
        return self._columns_by_relation[relation]

    def list_batch_types(self) -> Iterator[str]:
        """The batch's type, and those that are derived from it."""
        yield self.event_type
        for name, derived in normalize.DERIVED_EVENT_TYPES.items():
            if self.event_type in derived.source_types:
                yield name

    def list_logged_types(self) -> list[str]:
        """Every event type that was logged, the batch's among them."""
        batch_types = [self.event_type] if self.event_type else []
        return list(dict.fromkeys([*self.list_types(), *batch_types]))

    def _find_diff(self, event_type: str, span: TimeSpan) -> _DerivedDiff | None:
        derived = normalize.DERIVED_EVENT_TYPES.get(event_type)
        if derived is None or self.event_type not in derived.source_types:
            return None
        if event_type not in self._diffs_by_type:
            self._diffs_by_type[event_type] = self._compute_diff(derived, span)
        return self._diffs_by_type[event_type]

    def _compute_diff(self, derived: DerivedTypeSql, span: TimeSpan) -> _DerivedDiff:
        """The derived records that the batch's events belong to."""
        needs = derived.required_columns
        batch = self._pad_columns(parquet_sql.build_relation(self.fresh_files), needs)
        fresh = self._store_needed_columns(derived, batch)
        stored = self._select_stored(derived.source_types, _widen_span(span, derived), needs)
        assert stored is not None  # noqa: S101 - the batch's own files are among them
        nearby = self._store_needed_columns(derived, derived.build_nearby(fresh, stored))
        present_type = derived.restrict_sources(self._list_types_in(nearby))
        affected = self._store_needed_columns(derived, present_type.build_affected(fresh, nearby))
        after = self._store_select(present_type.build_select(affected))
        rest = f"(SELECT * FROM {affected} WHERE event_uid NOT IN (SELECT event_uid FROM {fresh}))"
        types = self._list_types_in(rest)
        if not types:
            return _DerivedDiff(after=after, before=None)
        before = self._store_select(derived.restrict_sources(types).build_select(rest))
        return _DerivedDiff(after=after, before=before)

    def _select_derived(
        self, derived: DerivedTypeSql, span: TimeSpan, needs: Sequence[str]
    ) -> str | None:
        """All derived records of the events of a span."""
        types = [name for name in derived.source_types if self._list_locations((name,), span)]
        stored = self._select_stored(types, span, derived.required_columns) if types else None
        if stored is None:
            return None
        return parquet_sql.pad_columns(
            f"({derived.restrict_sources(types).build_select(stored)})", _CANONICAL, needs
        )

    def _store_needed_columns(self, derived: DerivedTypeSql, relation: str) -> str:
        columns = ", ".join(map(quote_identifier, derived.required_columns))
        return self._store_select(f"SELECT {columns} FROM {relation}")

    def _store_select(self, select: str) -> str:
        return f"({select})" if self.temp_tables is None else self.temp_tables.create_table(select)

    def _list_types_in(self, relation: str) -> frozenset[str]:
        rows = self.connection.execute(f"SELECT DISTINCT event_type FROM {relation}").fetchall()
        return frozenset(event_type for (event_type,) in rows)

    def _select_stored(
        self, types: Sequence[str], span: TimeSpan, needs: Sequence[str]
    ) -> str | None:
        locations = self._list_locations(types, span)
        if not locations:
            return None
        return self._pad_columns(parquet_sql.build_relation(locations), needs)

    def _list_locations(self, types: Sequence[str], span: TimeSpan) -> list[FileLocation]:
        fresh = self.fresh_files if self.event_type in types else ()
        return [*self.list_files(types, span), *fresh]

    def _pad_columns(self, relation: str, needs: Sequence[str]) -> str:
        return parquet_sql.pad_columns(relation, self.list_columns(relation), needs)


def _widen_span(span: TimeSpan, derived: DerivedTypeSql) -> TimeSpan:
    return span[0] - derived.max_event_distance, span[1] + derived.max_event_distance


def render_span_filter(span: TimeSpan) -> str:
    """SQL: the event's time lies in the span."""
    first, last = (f"TIMESTAMPTZ {quote_literal(moment.isoformat())}" for moment in span)
    return f'"time" BETWEEN {first} AND {last}'
