"""What first-seen rules and baselines match in a span of time, for correlations over them.

It is told from what these rules remember and what a batch changes in that, not from their alerts:
they may have none. So it holds for what a late event proves wrong, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from collector.clock import duration_to_micros, to_micros
from collector.detect import RuleSet, first_seen_sql, member_sql
from collector.escaping import quote_literal
from collector.evaluation.baseline_history import WindowReplacement, WindowUpdate
from collector.evaluation.event_views import EventViews, TimeSpan
from collector.evaluation.first_seen_runs import RunReplacement, RunsByKey, RunUpdate
from collector.evaluation.result import RuleStateChange
from collector.evaluation.rule_selection import (
    ALL_TIME,
    RuleSelection,
    compute_fingerprint,
    micros_to_time,
)
from collector.evaluation.temp_tables import TempTables
from collector.model import FirstSeen, Rule
from collector.store import baseline_memory, first_seen_memory, ledger, rule_fingerprints
from collector.store.awaited_absences import AbsenceHorizon
from collector.store.baseline_memory import BaselineWindow, BaselineWindowKey
from collector.store.database import Database
from collector.store.rule_fingerprints import BASELINE_KIND, FIRST_SEEN_KIND

MemoryChange = RunUpdate | RunReplacement | WindowUpdate | WindowReplacement
MicrosSpan = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class RememberedMatches:
    """The matches of rules that compare with the past, once a batch is committed.

    Attributes:
        database, rules: what is committed, and the rule set.
        events: the org's events, with those of the batch at work.
        span: the times of all that the batch brings; None where there is no batch.
        changes: by rule, what the batch changes in what it remembers.
        failures: the rules that could not be run over the batch, with the reason.
        horizons: by rule that waits for what does not come, up to when that is known.
    """

    database: Database
    rules: RuleSet
    events: EventViews
    span: TimeSpan | None = None
    changes: Mapping[str, MemoryChange] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)
    horizons: Mapping[str, AbsenceHorizon] = field(default_factory=dict)

    def list_changed_times(self, name: str) -> list[int]:
        """The times (microseconds) at which a rule has a match, or had one, by the batch alone."""
        change = self.changes.get(name)
        match change:
            case RunUpdate(diff=diff):
                before, after = (_list_starts(runs) for runs in (diff.before, diff.after))
                return sorted({start for _, start, _ in before ^ after})
            case WindowUpdate(before=before, after=after):
                told = (set(_list_told(windows)) for windows in (before, after))
                lost_or_new = next(told) ^ next(told)
                return sorted({window.last for _, window in lost_or_new})
            case RunReplacement(runs=runs):
                return self._select_batch_times(start for _, start, _ in _list_starts(runs))
            case WindowReplacement(windows=windows):
                return self._select_batch_times(window.last for _, window in _list_told(windows))
        return []

    def create_table(self, name: str, span: TimeSpan, tables: TempTables) -> str:
        """A table with the `event_uid` of each event by which a rule matches in a span."""
        selection = RuleSelection(
            rules=self.rules, rule=self.rules.by_name[name], events=self.events, span=span
        )
        limits = (to_micros(span[0]), to_micros(span[1]))
        if isinstance(selection.rule.aggregation, FirstSeen):
            uids = self._list_first_uids(selection, limits)
            values = ", ".join(f"({quote_literal(uid)})" for uid in sorted(uids))
            return tables.create_table(_select_rows(values, {"event_uid": "VARCHAR"}))
        windows = self._list_told_windows(selection.rule, limits)
        values = ", ".join(
            f"({quote_literal(key)}, {start}, {window.last})" for (key, start), window in windows
        )
        columns = {"key": "VARCHAR", "start": "BIGINT", "last": "BIGINT"}
        parts = list(selection.list_relations(span)) if windows else []
        if not parts:
            return tables.create_table(_select_rows("", {"event_uid": "VARCHAR"}))
        table = tables.create_table(_select_rows(values, columns))
        return tables.create_table(
            member_sql.select_window_members(parts, f"SELECT * FROM {table}")
        )

    def _select_batch_times(self, times: Iterable[int]) -> list[int]:
        """Those that lie among the batch's: only they are matches of a rule that is relearned."""
        first, last = map(to_micros, self.span or ALL_TIME)
        return sorted({time for time in times if first <= time <= last})

    # ---- first seen

    def _list_first_uids(self, selection: RuleSelection, limits: MicrosSpan) -> set[str]:
        first_seen = first_seen_sql.as_first_seen(selection.rule)
        learnt_at = self._find_history_start(selection) + duration_to_micros(first_seen.learn)
        first, last = max(limits[0], learnt_at), limits[1]
        runs = self._list_runs(selection.rule, limits)
        return {uid for _, start, uid in runs if first <= start <= last}

    def _list_runs(self, rule: Rule, limits: MicrosSpan) -> set[tuple[str, int, str]]:
        change = self.changes.get(rule.name)
        if isinstance(change, RunReplacement):
            return _list_starts(change.runs)
        if not self._is_of_present_form(rule, FIRST_SEEN_KIND):
            return set()
        with self.database.read() as connection:
            stored = first_seen_memory.read_runs_between(
                connection, org=self.events.org, rule=rule.name, first=limits[0], last=limits[1]
            )
        runs = {(key, start, uid) for key, (start, uid, _) in stored}
        if isinstance(change, RunUpdate):
            runs = runs - _list_starts(change.diff.before) | _list_starts(change.diff.after)
        return runs

    def _find_history_start(self, selection: RuleSelection) -> int:
        """When the history of the rule's event types begins, the batch's events among them."""
        types = selection.list_source_types()
        with self.database.read() as connection:
            first = ledger.find_earliest_event_time(
                connection, org=self.events.org, event_types=types
            )
        starts = [first or ALL_TIME[1]]
        if self.span is not None and (not types or self.events.event_type in types):
            starts.append(self.span[0])
        return to_micros(min(starts))

    # ---- baselines

    def _list_told_windows(
        self, rule: Rule, limits: MicrosSpan
    ) -> list[tuple[BaselineWindowKey, BaselineWindow]]:
        change = self.changes.get(rule.name)
        if isinstance(change, WindowReplacement):
            windows = dict(_list_told(change.windows))
        elif not self._is_of_present_form(rule, BASELINE_KIND):
            return []
        else:
            with self.database.read() as connection:
                windows = baseline_memory.read_told_windows(
                    connection, org=self.events.org, rule=rule.name, first=limits[0], last=limits[1]
                )
            if isinstance(change, WindowUpdate):
                kept = {key: each for key, each in windows.items() if key not in change.before}
                windows = {**kept, **dict(_list_told(change.after))}
        return sorted(
            (key, window)
            for key, window in windows.items()
            if limits[0] <= window.last <= limits[1]
        )

    def _is_of_present_form(self, rule: Rule, kind: str) -> bool:
        """Whether what is stored is of the rule as it is now, or about to be by the batch."""
        if rule.name in self.changes:
            return True
        with self.database.read() as connection:
            stored = rule_fingerprints.read_fingerprints(connection, org=self.events.org, kind=kind)
        return stored.get(rule.name) == compute_fingerprint(self.rules, rule)


def index_changes(changes: Iterable[RuleStateChange]) -> dict[str, MemoryChange]:
    """By rule, what a batch changes in what it remembers; not of rules that are forgotten."""
    return {change.rule: change for change in changes if isinstance(change, MemoryChange)}


def join_near_spans(spans: Iterable[MicrosSpan], gap: int) -> Iterator[TimeSpan]:
    """Spans of microseconds as spans of time; those that lie no more than `gap` apart are one."""
    joined: list[MicrosSpan] = []
    for first, last in sorted(spans):
        if joined and first - joined[-1][1] <= gap:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return ((micros_to_time(first), micros_to_time(last)) for first, last in joined)


def _list_starts(runs: RunsByKey) -> set[tuple[str, int, str]]:
    return {(key, run.start, run.uid) for key, of_key in runs.items() for run in of_key}


def _list_told(
    windows: Mapping[BaselineWindowKey, BaselineWindow],
) -> Iterator[tuple[BaselineWindowKey, BaselineWindow]]:
    return ((key, window) for key, window in windows.items() if window.told)


def _select_rows(values: str, columns: Mapping[str, str]) -> str:
    """SQL: rows of literals, or none, as columns of these types."""
    if not values:
        nulls = ", ".join(f"CAST(NULL AS {kind}) AS {name}" for name, kind in columns.items())
        return f"SELECT {nulls} WHERE FALSE"
    typed = ", ".join(f"CAST({name} AS {kind}) AS {name}" for name, kind in columns.items())
    return f"SELECT {typed} FROM (VALUES {values}) AS rows({', '.join(columns)})"
