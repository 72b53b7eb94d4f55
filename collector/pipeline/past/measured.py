"""The windows of groups that a batch touches, measured over all their events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from collector.detect.past import baseline
from collector.detect.past.novelty import micros
from collector.detect.past.selected import Part, values
from collector.pipeline.events import Span
from collector.pipeline.past.selections import EVER, Selection, moment
from collector.pipeline.scratch import Tables
from collector.store.measures import Measure, Place

_NEAR = 86_400_000_000
"""Microseconds between windows from which on they are better read apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """The windows that a batch brings events to, or takes some from.

    `table` has their `key`, `start` and group; `places` are the first two.
    """

    table: str
    places: frozenset[Place]

    @property
    def keys(self) -> frozenset[str]:
        """The groups."""
        return frozenset(key for key, _ in self.places)


def touched(selection: Selection, made: Tables) -> Touched:
    """What the batch at work touches."""
    parts = [*selection.brought(), *selection.replaced()]
    table = made.make(baseline.places(selection.rule, list(map(baseline.selected, parts))))
    rows = selection.events.connection.execute(f"SELECT key, start FROM {table}").fetchall()
    return Touched(table=table, places=frozenset((key, start) for key, start in rows))


def measured(selection: Selection, windows: Touched) -> dict[Place, Measure]:
    """The touched windows as they are now; those without an event are left out."""
    found: dict[Place, Measure] = {}
    for span in spans(selection, windows.places):
        if rows := rows_of(selection, selection.within(span), windows.table):
            found |= _measures(selection, rows)
    return found


def everything(selection: Selection) -> dict[Place, Measure]:
    """Every window of the whole archive."""
    parts = list(selection.within(EVER))
    rows = " UNION ALL ".join(map(baseline.selected, parts))
    return _measures(selection, rows) if parts else {}


def spans(selection: Selection, places: Iterable[Place]) -> Iterator[Span]:
    """The spans of time that hold these windows, each whole, and not much beside."""
    size = micros(baseline.baseline(selection.rule).window)
    starts = sorted({start for _, start in places})
    first = 0
    for number, start in enumerate(starts):
        if number + 1 == len(starts) or starts[number + 1] - start > size + _NEAR:
            yield moment(starts[first]), moment(start + size - 1)
            first = number + 1


def rows_of(selection: Selection, parts: Iterable[Part], table: str) -> str:
    """SQL: what `baseline.selected` gives, of the windows in a table with start and group."""
    keys = values(len(baseline.baseline(selection.rule).group_by))
    rows = " UNION ALL ".join(map(baseline.selected, parts))
    return rows and f"SELECT * FROM ({rows}) SEMI JOIN {table} USING (start, {keys})"


def _measures(selection: Selection, rows: str) -> dict[Place, Measure]:
    result = selection.events.connection.execute(baseline.windows(selection.rule, rows))
    return {(key, start): Measure(*each) for key, start, *each in result.fetchall()}
