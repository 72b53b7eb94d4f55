"""Which windows fire, given what is measured anew and what is remembered of the past."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from collector.detect.past.baseline import Usual, least
from collector.detect.past.novelty import micros
from collector.model import Baseline
from collector.pipeline.past.memory import Past, recent
from collector.store.measures import Measure, Place, Sums

_NOTHING: Sums = (0, 0.0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a batch makes of the windows of some groups.

    Attributes:
        before: windows as they are remembered: the touched ones, and all after these whose past
            they are.
        touched: the windows that are measured anew.
        measured: those of them that have events.
    """

    before: Mapping[Place, Measure]
    touched: frozenset[Place]
    measured: Mapping[Place, Measure]

    @property
    def after(self) -> dict[Place, Measure]:
        """The windows as they are now, `told` as before."""
        kept = {place: each for place, each in self.before.items() if place not in self.touched}
        for place, each in self.measured.items():
            known = self.before.get(place)
            kept[place] = _with_told(each, told=known is not None and known.told)
        return kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """Windows that were judged.

    Attributes:
        fired: those that are to be told, each with what is usual for its group.
        recent: of each of these, starts and values of the windows before it, in order.
        windows: all of the change, with `told` as it is to be.
        withdrawn: those that were told and are not any more.
    """

    fired: Mapping[Place, Usual]
    recent: Mapping[Place, Sequence[tuple[int, float]]]
    windows: Mapping[Place, Measure]
    withdrawn: frozenset[Place]


def judged(rule: Baseline, change: Change, past: Past) -> Verdicts:
    """Judge every window that is touched or has a touched one in its past."""
    after = change.after
    fired = {
        place: usual
        for place, usual in _usual(rule, change, after, past)
        if usual.is_exceeded(rule, after[place].value)
    }
    told = {place for place, each in change.before.items() if each.told}
    return Verdicts(
        fired=fired,
        recent=recent(past, after, change.touched, fired, micros(rule.history)),
        windows={place: _with_told(each, told=place in fired) for place, each in after.items()},
        withdrawn=frozenset(told - fired.keys()),
    )


def _usual(
    rule: Baseline, change: Change, after: Mapping[Place, Measure], past: Past
) -> Iterator[tuple[Place, Usual]]:
    """What is usual at every window that may be told."""
    by_start: dict[int, list[str]] = {}
    for (key, start), each in after.items():
        if each.value >= least(rule):
            by_start.setdefault(start, []).append(key)
    edits = _edits(change, {key for keys in by_start.values() for key in keys})
    history = micros(rule.history)
    for start, keys in by_start.items():
        known = past.sums(keys, start - history, start)
        for key in keys:
            sums = [known.get(key, _NOTHING)]
            sums += [e for when, e in edits.get(key, ()) if start - history <= when < start]
            count, total, squares = map(sum, zip(*sums, strict=True))
            yield (key, start), Usual(windows=int(count), total=total, squares=squares)


def _edits(change: Change, keys: AbstractSet[str]) -> dict[str, list[tuple[int, Sums]]]:
    """By group, what each touched window adds to the sums that are remembered."""
    edits: dict[str, list[tuple[int, Sums]]] = {}
    for place in change.touched:
        if place[0] not in keys:
            continue
        old, new = (_sums(each.get(place)) for each in (change.before, change.measured))
        edit = (new[0] - old[0], new[1] - old[1], new[2] - old[2])
        edits.setdefault(place[0], []).append((place[1], edit))
    return edits


def _with_told(window: Measure, *, told: bool) -> Measure:
    # There are many windows, and few of them change.
    return window if window.told == told else window._replace(told=told)


def _sums(window: Measure | None) -> Sums:
    return _NOTHING if window is None else (1, window.value, window.value * window.value)
