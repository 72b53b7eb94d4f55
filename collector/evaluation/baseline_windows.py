"""The windows of groups that a batch touches, measured over all their events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from collector.clock import DAY_MICROS, duration_to_micros
from collector.detect import baseline_sql
from collector.detect.selected_events import RuleRelation, list_value_columns
from collector.evaluation.event_views import TimeSpan
from collector.evaluation.rule_selection import ALL_TIME, RuleSelection, micros_to_time
from collector.evaluation.temp_tables import TempTables
from collector.store.baseline_memory import BaselineWindow, BaselineWindowKey

_MAX_GAP = DAY_MICROS
"""Microseconds; windows farther apart are read in separate spans."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TouchedWindows:
    """The windows that a batch adds events to or removes some from.

    `table` has their `key`, `start` and group; `window_keys` are the first two.
    """

    table: str
    window_keys: frozenset[BaselineWindowKey]

    @property
    def group_keys(self) -> frozenset[str]:
        """The keys of the groups."""
        return frozenset(key for key, _ in self.window_keys)


def find_touched_windows(selection: RuleSelection, tables: TempTables) -> TouchedWindows:
    """The windows that the batch touches."""
    parts = [*selection.list_scanned_relations(), *selection.list_lost_relations()]
    table = tables.create_table(
        baseline_sql.select_window_keys(
            selection.rule, list(map(baseline_sql.select_measured_events, parts))
        )
    )
    rows = selection.events.connection.execute(f"SELECT key, start FROM {table}").fetchall()
    return TouchedWindows(table=table, window_keys=frozenset((key, start) for key, start in rows))


def measure_windows(
    selection: RuleSelection, windows: TouchedWindows
) -> dict[BaselineWindowKey, BaselineWindow]:
    """The touched windows as they are now; those without an event are left out."""
    measured_windows: dict[BaselineWindowKey, BaselineWindow] = {}
    for span in list_window_spans(selection, windows.window_keys):
        if rows := select_window_rows(selection, selection.list_relations(span), windows.table):
            measured_windows |= _read_measures(selection, rows)
    return measured_windows


def measure_archive(selection: RuleSelection) -> dict[BaselineWindowKey, BaselineWindow]:
    """Every window of the whole archive."""
    parts = list(selection.list_relations(ALL_TIME))
    rows = " UNION ALL ".join(map(baseline_sql.select_measured_events, parts))
    return _read_measures(selection, rows) if parts else {}


def list_window_spans(
    selection: RuleSelection, window_keys: Iterable[BaselineWindowKey]
) -> Iterator[TimeSpan]:
    """The spans of time that hold these windows, each whole, and not much beside."""
    size = duration_to_micros(baseline_sql.as_baseline(selection.rule).window)
    starts = sorted({start for _, start in window_keys})
    first = 0
    for number, start in enumerate(starts):
        if number + 1 == len(starts) or starts[number + 1] - start > size + _MAX_GAP:
            yield micros_to_time(starts[first]), micros_to_time(start + size - 1)
            first = number + 1


def select_window_rows(selection: RuleSelection, parts: Iterable[RuleRelation], table: str) -> str:
    """SQL: the measured events of the windows in a table with start and group."""
    value_columns = list_value_columns(len(baseline_sql.as_baseline(selection.rule).group_by))
    rows = " UNION ALL ".join(map(baseline_sql.select_measured_events, parts))
    return rows and f"SELECT * FROM ({rows}) SEMI JOIN {table} USING (start, {value_columns})"


def _read_measures(selection: RuleSelection, rows: str) -> dict[BaselineWindowKey, BaselineWindow]:
    result = selection.events.connection.execute(baseline_sql.select_windows(selection.rule, rows))
    return {(key, start): BaselineWindow(*measure) for key, start, *measure in result.fetchall()}
