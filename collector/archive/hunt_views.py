"""The views of a hunt: `events`, each event type, and the types that are derived from them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import duckdb

from collector.archive.column_sets import ColumnSetCache, read_column_sets
from collector.archive.parquet_sql import FileLocation, build_grouped_relation, ensure_columns
from collector.archive.store import ArchiveStore
from collector.archive.time_bounds import TimeBounds, find_time_bounds
from collector.escaping import quote_identifier, quote_literal
from collector.model import ArchiveFile, DerivedType

ALL_TIMES = TimeBounds()

_EVENTS = "events"


@dataclass(frozen=True, slots=True, kw_only=True)
class HuntViews:
    """Makes the views that a query may name, over those files alone that it may need.

    A view has the columns of all of its files, whichever of them are read.
    """

    connection: duckdb.DuckDBPyConnection
    archive: ArchiveStore
    derived_types: Mapping[str, DerivedType]
    span: TimeBounds

    def create_views(
        self, sql: str, files: Sequence[ArchiveFile], cache: ColumnSetCache | None
    ) -> list[ArchiveFile]:
        """Make them, in a transaction that stays open; return the files that they read.

        Raises:
            duckdb.Error: a file cannot be read, or the query is not valid.
        """
        words = {word.lower() for word in re.findall(r"\w+", sql)}
        named_files = self._select_named_files(words, files)
        column_sets = self._learn_column_sets(named_files, cache)
        self.connection.begin()  # so that now() is the same moment in the plan and in the answer
        samples = list(_select_samples(named_files, column_sets))
        if "time" not in words or len(samples) == len(named_files):
            self._create_views_over(words, named_files, column_sets)
            return named_files
        self._create_views_over(words, samples, column_sets)
        bounds = find_time_bounds(self.connection, sql)
        needed_files = _select_needed_files(named_files, samples, bounds)
        self._create_views_over(words, needed_files, column_sets)
        return needed_files

    def _select_named_files(
        self, words: set[str], files: Sequence[ArchiveFile]
    ) -> list[ArchiveFile]:
        """The files of the views that a query with these words may name."""
        if _EVENTS in words:
            return list(files)
        types = {file.event_type for file in files if file.event_type.lower() in words}
        for name, derived in self.derived_types.items():
            if name.lower() in words:
                types.update(derived.source_types)
        return [file for file in files if file.event_type in types]

    def _learn_column_sets(
        self, files: Sequence[ArchiveFile], cache: ColumnSetCache | None
    ) -> Mapping[str, str]:
        known = cache.load_column_sets() if cache else {}
        unknown_files = [file for file in files if file.path not in known]
        if not unknown_files:
            return known
        learned = read_column_sets(self.connection, self.archive, unknown_files)
        if cache:
            cache.add_column_sets(learned)
        return {**known, **learned}

    def _create_views_over(
        self, words: set[str], files: Sequence[ArchiveFile], column_sets: Mapping[str, str]
    ) -> None:
        by_type: dict[str, list[ArchiveFile]] = {}
        for file in files:
            by_type.setdefault(file.event_type, []).append(file)
        for name, type_files in by_type.items():
            if name.lower() in words:
                self._create_view(name, f"SELECT * FROM {self._relate(type_files, column_sets)}")
        for name, derived in self.derived_types.items():
            source_files = [
                file for source in derived.source_types for file in by_type.get(source, ())
            ]
            if name.lower() in words and source_files:
                relation = self._relate(source_files, column_sets)
                padded = ensure_columns(self.connection, relation, derived.required_columns)
                self._create_view(name, derived.build_select(padded))
        if _EVENTS in words and files:
            self._create_view(_EVENTS, f"SELECT * FROM {self._relate(files, column_sets)}")

    def _relate(self, files: Sequence[ArchiveFile], column_sets: Mapping[str, str]) -> str:
        groups: dict[str, list[FileLocation]] = {}
        for file, location in zip(files, self.archive.locate_files(files), strict=True):
            groups.setdefault(column_sets[file.path], []).append(location)
        return build_grouped_relation(list(groups.values()))

    def _create_view(self, name: str, select: str) -> None:
        limits = [
            f"time {sign} TIMESTAMPTZ {quote_literal(moment.isoformat())}"
            for sign, moment in ((">=", self.span.first), ("<", self.span.last))
            if moment is not None
        ]
        limited = f"SELECT * FROM ({select}) WHERE {' AND '.join(limits)}" if limits else select
        self.connection.execute(f"CREATE OR REPLACE VIEW {quote_identifier(name)} AS {limited}")


def select_files_of_span(
    files: Sequence[ArchiveFile], span: TimeBounds, margin: timedelta
) -> list[ArchiveFile]:
    """The files that may hold events of a span or as far as `margin` from it.

    Of a type that has none of them the newest file is among them, so that its view is there.
    """
    wide = TimeBounds(
        first=span.first and span.first - margin, last=span.last and span.last + margin
    )
    selected = [file for file in files if wide.overlap(file.first_time, file.last_time)]
    selected_types = {file.event_type for file in selected}
    newest = {
        file.event_type: file
        for file in sorted(files, key=lambda file: file.last_time)
        if file.event_type not in selected_types
    }
    return [*selected, *newest.values()]


def _select_samples(
    files: Iterable[ArchiveFile], column_sets: Mapping[str, str]
) -> Iterator[ArchiveFile]:
    """A file of each event type and set of columns."""
    seen: set[tuple[str, str]] = set()
    for file in files:
        kind = (file.event_type, column_sets[file.path])
        if kind not in seen:
            seen.add(kind)
            yield file


def _select_needed_files(
    files: Sequence[ArchiveFile], samples: Sequence[ArchiveFile], bounds: TimeBounds
) -> list[ArchiveFile]:
    """Those with events within the bounds; a sample stays, for the view to keep its columns."""
    sample_paths = {file.path for file in samples}
    return [
        file
        for file in files
        if file.path in sample_paths or bounds.overlap(file.first_time, file.last_time)
    ]
