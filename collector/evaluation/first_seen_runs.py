"""The runs of the keys that a batch touches, before and after it, and their storage."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import sqlalchemy as sa

from collector.clock import DAY_MICROS, duration_to_micros, to_micros
from collector.detect import first_seen_sql
from collector.detect.first_seen_repair import SurroundingRuns, recompute_runs
from collector.detect.first_seen_sql import EventRun
from collector.detect.selected_events import render_key_digest
from collector.escaping import quote_literal
from collector.evaluation.rule_selection import ALL_TIME, RuleSelection, micros_to_time
from collector.store import first_seen_memory, rule_fingerprints, rule_memory
from collector.store.rule_fingerprints import FIRST_SEEN_KIND

RunsByKey: TypeAlias = Mapping[str, Sequence[EventRun]]
"""The runs of each key, in order, by the key's digest."""

MatchNamer: TypeAlias = Callable[[str, str], str]
"""The uid of a match, given the digest of its key and the uid of its event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRuns:
    """The runs of a batch's new events, and the events that it moved.

    `lost_times` holds, by key, the times (microseconds) at which it no longer has an event.
    """

    runs: RunsByKey
    lost_times: Mapping[str, Sequence[int]] = field(default_factory=dict)

    @property
    def touched_keys(self) -> Collection[str]:
        """The keys that it touches."""
        return self.runs.keys() | self.lost_times.keys()

    @property
    def first_uids(self) -> frozenset[str]:
        """The events that may be the first of a run."""
        return frozenset(run.uid for runs in self.runs.values() for run in runs)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDiff:
    """The runs of the keys that a batch touches, before and after it."""

    before: RunsByKey
    after: RunsByKey

    def list_new_runs(self, fresh: Collection[str]) -> Iterator[tuple[str, EventRun, int | None]]:
        """The runs that begin with a fresh event, begin anew, or after another pause than before.

        Each with its key before it, and after it the time of the key's last event before it.
        """
        for key, runs in self.after.items():
            previous_runs = dict(_pair_with_previous(self.before.get(key, ())))
            starts = {run[:2]: last for run, last in previous_runs.items()}
            for run, last in _pair_with_previous(runs):
                if run.uid in fresh or run[:2] not in starts or starts[run[:2]] != last:
                    yield key, run, last

    def list_lost_uids(self, name_match: MatchNamer) -> list[str]:
        """The matches of events with which a run began and none begins any more."""
        first = {name_match(key, run.uid) for key, runs in self.after.items() for run in runs}
        before = {name_match(key, run.uid) for key, runs in self.before.items() for run in runs}
        return sorted(before - first)


# ---- from events


def read_runs(selection: RuleSelection, rows: Sequence[str]) -> dict[str, list[EventRun]]:
    """The runs of SELECTs of `first_seen_sql.select_key_events`, by the digest of the key."""
    found: dict[str, list[EventRun]] = {}
    if rows:
        result = selection.events.connection.execute(
            first_seen_sql.select_runs(selection.rule, rows)
        )
        for key, *run in result.fetchall():
            found.setdefault(key, []).append(EventRun(*run))
    return {key: sorted(runs) for key, runs in found.items()}


def read_batch_runs(selection: RuleSelection) -> BatchRuns:
    """The runs that the batch adds, and the times that it removes."""
    rows = list(map(first_seen_sql.select_key_events, selection.list_scanned_relations()))
    lost = list(map(first_seen_sql.select_key_events, selection.list_lost_relations()))
    return BatchRuns(
        runs=read_runs(selection, rows), lost_times=_read_lost_times(selection, rows, lost)
    )


def _read_lost_times(
    selection: RuleSelection, rows: Sequence[str], lost: Sequence[str]
) -> dict[str, list[int]]:
    """By key, the times of events that are no more; `rows` are SELECTs of what there is."""
    times: dict[str, list[int]] = {}
    if lost:
        result = selection.events.connection.execute(
            f"SELECT {_render_key(selection)}, us FROM"
            f" (FROM ({' UNION ALL '.join(lost)}) EXCEPT FROM ({' UNION ALL '.join(rows)}))"
        )
        for key, time in result.fetchall():
            times.setdefault(key, []).append(time)
    return times


def compute_run_diff(selection: RuleSelection, before: RunsByKey, batch_runs: BatchRuns) -> RunDiff:
    """The stored runs of the keys that a batch touches, and the same after the batch."""
    forget = duration_to_micros(first_seen_sql.as_first_seen(selection.rule).forget)
    settled = {**before, **_recompute_lost_runs(selection, before, batch_runs.lost_times, forget)}
    after = {
        key: first_seen_sql.join_runs(
            [*settled.get(key, ()), *batch_runs.runs.get(key, ())], forget
        )
        for key in batch_runs.touched_keys
    }
    return RunDiff(before=before, after=after)


def _recompute_lost_runs(
    selection: RuleSelection,
    before: RunsByKey,
    lost_times: Mapping[str, Sequence[int]],
    forget: int,
) -> dict[str, list[EventRun]]:
    """The runs of keys that lost events, from as few events around these as are needed."""
    recomputed: dict[str, list[EventRun]] = {}
    pending = {key: times for key, times in lost_times.items() if key in before}
    for reach in (DAY_MICROS, forget, to_micros(ALL_TIME[1])):
        if not pending:
            break
        times = [time for each in pending.values() for time in each]
        first, last = min(times) - reach, max(times) + reach
        runs = _read_runs_between(selection, first, last, pending)
        for key, times_of_key in list(pending.items()):
            surrounding = SurroundingRuns(first=first, last=last, runs=runs.get(key, ()))
            settled = recompute_runs(before[key], times_of_key, surrounding, forget)
            if settled is not None:
                recomputed[key] = settled
                del pending[key]
    return recomputed


def _read_runs_between(
    selection: RuleSelection, first: int, last: int, keys: Collection[str]
) -> RunsByKey:
    literals = ", ".join(map(quote_literal, keys))
    parts = selection.list_relations((micros_to_time(first), micros_to_time(last)))
    rows = [
        f"SELECT * FROM ({first_seen_sql.select_key_events(part)})"
        f" WHERE {_render_key(selection)} IN ({literals})"
        for part in parts
    ]
    return read_runs(selection, rows)


def _render_key(selection: RuleSelection) -> str:
    return render_key_digest(len(first_seen_sql.as_first_seen(selection.rule).key))


def _pair_with_previous(runs: Sequence[EventRun]) -> Iterator[tuple[EventRun, int | None]]:
    last = None
    for run in runs:
        yield run, last
        last = run.last


# ---- stored


def load_runs(connection: sa.Connection, org: str, rule: str, keys: Collection[str]) -> RunsByKey:
    """The stored runs of those keys."""
    stored = first_seen_memory.read_runs(connection, org=org, rule=rule, keys=keys)
    return {key: [EventRun(*row) for row in rows] for key, rows in stored.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReplacement:
    """All runs that a rule remembers from now on, as those of its present form."""

    org: str
    rule: str
    fingerprint: str
    runs: RunsByKey

    def save(self, connection: sa.Connection) -> None:
        """Write it into the state transaction."""
        of_rule = {"org": self.org, "rule": self.rule}
        rule_memory.forget_rule(connection, kind=FIRST_SEEN_KIND, **of_rule)
        rows = ((key, run) for key, each in self.runs.items() for run in each)
        first_seen_memory.save_runs(connection, runs=rows, **of_rule)
        rule_fingerprints.save_fingerprint(
            connection, kind=FIRST_SEEN_KIND, fingerprint=self.fingerprint, **of_rule
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunUpdate:
    """The difference that a batch makes to the runs that a rule remembers."""

    org: str
    rule: str
    diff: RunDiff

    def save(self, connection: sa.Connection) -> None:
        """Write it into the state transaction."""
        before, after = (
            {(key, run) for key, each in runs.items() for run in each}
            for runs in (self.diff.before, self.diff.after)
        )
        starts = {(key, run.start) for key, run in after}
        lost = {(key, run.start) for key, run in before} - starts
        of_rule = {"org": self.org, "rule": self.rule}
        first_seen_memory.delete_runs(connection, starts=lost, **of_rule)
        first_seen_memory.save_runs(connection, runs=after - before, **of_rule)
