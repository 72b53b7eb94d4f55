"""The groups of windows that fire though a batch has none of their events: their peers changed."""

from __future__ import annotations

from collector.detect import baseline_sql
from collector.escaping import quote_literal
from collector.evaluation.baseline_scoring import ScoredWindows
from collector.evaluation.baseline_windows import TouchedWindows, list_window_spans
from collector.evaluation.rule_selection import RuleSelection
from collector.evaluation.temp_tables import TempTables


def add_firing_groups(
    selection: RuleSelection, scored: ScoredWindows, windows: TouchedWindows, tables: TempTables
) -> TouchedWindows:
    """The touched windows and those that fire beside them, with the values of their groups."""
    lacking = scored.firing_windows.keys() - windows.window_keys
    if not lacking:
        return windows
    keys = ", ".join(sorted({quote_literal(key) for key, _ in lacking}))
    selects = [f"SELECT * FROM {windows.table}"]
    for span in list_window_spans(selection, lacking):
        rows = list(map(baseline_sql.select_measured_events, selection.list_relations(span)))
        if rows:
            found = baseline_sql.select_window_keys(selection.rule, rows)
            selects.append(f"SELECT * FROM ({found}) AS found WHERE key IN ({keys})")
    return TouchedWindows(
        table=tables.create_table(" UNION ALL ".join(selects)),
        window_keys=windows.window_keys | lacking,
    )
