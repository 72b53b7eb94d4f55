"""The runs of the keys that a batch touches, before and after it, and where both are kept."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import sqlalchemy as sa

from collector.clock import to_micros
from collector.detect.past import novelty
from collector.detect.past.moved import Around, resettled
from collector.detect.past.novelty import Run, micros
from collector.detect.past.selected import digest
from collector.pipeline.past.selections import EVER, Selection, moment
from collector.pipeline.scratch import tables
from collector.store import learned, seen
from collector.store.learned import FIRST_SEEN
from collector.text import sql_literal

Runs: TypeAlias = Mapping[str, Sequence[Run]]
"""The runs of each key, in order, by the key's digest."""

_DAY = 86_400_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """What a batch brings to a rule: the runs of the new events, and the events that moved.

    `gone` holds, by key, the times at which there is no longer an event of it.
    """

    runs: Runs
    gone: Mapping[str, Sequence[int]] = field(default_factory=dict)

    @property
    def keys(self) -> Collection[str]:
        """The keys that it touches."""
        return self.runs.keys() | self.gone.keys()

    @property
    def uids(self) -> frozenset[str]:
        """The events that may be the first of a run."""
        return frozenset(run.uid for runs in self.runs.values() for run in runs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turned:
    """The runs of the keys that a batch touches, before and after it."""

    before: Runs
    after: Runs

    def news(self, fresh: Collection[str]) -> Iterator[tuple[Run, int | None]]:
        """The runs that begin with a fresh event, begin anew, or after another pause than before.

        Each with the time of the key's last event before it.
        """
        for key, runs in self.after.items():
            known = dict(_with_last(self.before.get(key, ())))
            starts = {run[:2]: last for run, last in known.items()}
            for run, last in _with_last(runs):
                if run.uid in fresh or run[:2] not in starts or starts[run[:2]] != last:
                    yield run, last

    def gone(self) -> list[str]:
        """The events with which a run began and none begins any more."""
        first = {run.uid for runs in self.after.values() for run in runs}
        return sorted({run.uid for runs in self.before.values() for run in runs} - first)


# ---- out of events


def runs_of(selection: Selection, rows: Sequence[str]) -> dict[str, list[Run]]:
    """The runs of what `novelty.selected` has given."""
    found: dict[str, list[Run]] = {}
    if rows:
        result = selection.events.connection.execute(novelty.runs(selection.rule, rows))
        for key, *run in result.fetchall():
            found.setdefault(key, []).append(Run(*run))
    return {key: sorted(runs) for key, runs in found.items()}


def brought(selection: Selection) -> Brought:
    """What the batch brings to the rule."""
    connection = selection.events.connection
    replaced = [novelty.selected(part) for part in selection.replaced()]
    rows = [novelty.selected(part) for part in selection.brought()]
    if not replaced:
        return Brought(runs=runs_of(selection, rows))
    with tables(connection) as made:
        new, old = (made.make(" UNION ALL ".join(each)) for each in (rows, replaced))
        moved = connection.execute(
            f"SELECT {_key(selection)}, us FROM (FROM {old} EXCEPT FROM {new})"
        ).fetchall()
        gone: dict[str, list[int]] = {}
        for key, time in moved:
            gone.setdefault(key, []).append(time)
        return Brought(runs=runs_of(selection, [f"SELECT * FROM {new}"]), gone=gone)


def turned(selection: Selection, before: Runs, brought: Brought) -> Turned:
    """What a batch makes of the runs that are remembered of the keys that it touches."""
    forget = micros(novelty.first_seen(selection.rule).forget)
    settled = {**before, **_settled(selection, before, brought.gone, forget)}
    after = {
        key: novelty.joined([*settled.get(key, ()), *brought.runs.get(key, ())], forget)
        for key in brought.keys
    }
    return Turned(before=before, after=after)


def _settled(
    selection: Selection, before: Runs, gone: Mapping[str, Sequence[int]], forget: int
) -> dict[str, list[Run]]:
    """The runs of keys that lost events, looking no further around these than is needed."""
    found: dict[str, list[Run]] = {}
    still = {key: times for key, times in gone.items() if key in before}
    for reach in (_DAY, forget, to_micros(EVER[1])):
        if not still:
            break
        times = [time for each in still.values() for time in each]
        first, last = min(times) - reach, max(times) + reach
        runs = _between(selection, first, last, still)
        for key, lost in list(still.items()):
            around = Around(first=first, last=last, runs=runs.get(key, ()))
            settled = resettled(before[key], lost, around, forget)
            if settled is not None:
                found[key] = settled
                del still[key]
    return found


def _between(selection: Selection, first: int, last: int, keys: Collection[str]) -> Runs:
    wanted = ", ".join(map(sql_literal, keys))
    parts = selection.within((moment(first), moment(last)))
    rows = [
        f"SELECT * FROM ({novelty.selected(part)}) WHERE {_key(selection)} IN ({wanted})"
        for part in parts
    ]
    return runs_of(selection, rows)


def _key(selection: Selection) -> str:
    return digest(len(novelty.first_seen(selection.rule).key))


def _with_last(runs: Sequence[Run]) -> Iterator[tuple[Run, int | None]]:
    last = None
    for run in runs:
        yield run, last
        last = run.last


# ---- kept


def recall(connection: sa.Connection, org: str, rule: str, keys: Collection[str]) -> Runs:
    """The runs that are remembered of those keys."""
    stored = seen.runs(connection, org=org, rule=rule, keys=keys)
    return {key: [Run(*row) for row in rows] for key, rows in stored.items()}


def build(connection: sa.Connection, *, org: str, rule: str, form: str, runs: Runs) -> None:
    """Remember these runs and nothing else, as those of this form of the rule."""
    seen.clear(connection, org=org, rule=rule)
    rows = ((key, run) for key, each in runs.items() for run in each)
    seen.remember(connection, org=org, rule=rule, runs=rows)
    learned.learn(connection, org=org, kind=FIRST_SEEN, rule=rule, fingerprint=form)


def keep(connection: sa.Connection, *, org: str, rule: str, turned: Turned) -> None:
    """Remember what is different."""
    before, after = (
        {(key, run) for key, each in runs.items() for run in each}
        for runs in (turned.before, turned.after)
    )
    starts = {(key, run.start) for key, run in after}
    gone = {(key, run.start) for key, run in before} - starts
    seen.forget(connection, org=org, rule=rule, starts=gone)
    seen.remember(connection, org=org, rule=rule, runs=after - before)


def lose(connection: sa.Connection, *, org: str, rule: str) -> None:
    """Remember nothing of the rule, until it is made anew."""
    seen.clear(connection, org=org, rule=rule)
    learned.unlearn(connection, org=org, kind=FIRST_SEEN, rule=rule)
