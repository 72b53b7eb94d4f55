"""Which windows fire, given what is measured anew and what is remembered of the past."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from collector.clock import duration_to_micros
from collector.detect.baseline_sql import BaselineStats, compute_lowest_alert
from collector.evaluation.baseline_history import BaselineHistory, list_recent_windows
from collector.model import Baseline
from collector.store.baseline_memory import BaselineSums, BaselineWindow, BaselineWindowKey

_ZERO_SUMS: BaselineSums = (0, 0.0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowChanges:
    """What a batch makes of the windows of some groups.

    Attributes:
        before: windows as they are remembered: the touched ones, and all after these whose past
            they are.
        touched_keys: the windows that are measured anew.
        measured_windows: those of them that have events.
    """

    before: Mapping[BaselineWindowKey, BaselineWindow]
    touched_keys: frozenset[BaselineWindowKey]
    measured_windows: Mapping[BaselineWindowKey, BaselineWindow]

    @property
    def after(self) -> dict[BaselineWindowKey, BaselineWindow]:
        """The windows as they are now, `told` as before."""
        kept = {
            place: each for place, each in self.before.items() if place not in self.touched_keys
        }
        for place, each in self.measured_windows.items():
            known = self.before.get(place)
            kept[place] = _set_told(each, told=known is not None and known.told)
        return kept


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredWindows:
    """The windows of a change, scored against their past.

    Attributes:
        firing_windows: those that raise a match, each with what is usual for its group.
        recent_windows: of each of these, starts and values of the windows before it, in order.
        windows: all of the change, `told` where they fire.
        withdrawn_keys: those that fired before and do not any more.
    """

    firing_windows: Mapping[BaselineWindowKey, BaselineStats]
    recent_windows: Mapping[BaselineWindowKey, Sequence[tuple[int, float]]]
    windows: Mapping[BaselineWindowKey, BaselineWindow]
    withdrawn_keys: frozenset[BaselineWindowKey]


def score_windows(rule: Baseline, change: WindowChanges, past: BaselineHistory) -> ScoredWindows:
    """Judge every window that is touched or has a touched one in its past."""
    after = change.after
    fired = {
        place: usual
        for place, usual in _compute_stats(rule, change, after, past)
        if usual.is_exceeded(rule, after[place].value)
    }
    told = {place for place, each in change.before.items() if each.told}
    return ScoredWindows(
        firing_windows=fired,
        recent_windows=list_recent_windows(
            past, after, change.touched_keys, fired, duration_to_micros(rule.history)
        ),
        windows={place: _set_told(each, told=place in fired) for place, each in after.items()},
        withdrawn_keys=frozenset(told - fired.keys()),
    )


def _compute_stats(
    rule: Baseline,
    change: WindowChanges,
    after: Mapping[BaselineWindowKey, BaselineWindow],
    past: BaselineHistory,
) -> Iterator[tuple[BaselineWindowKey, BaselineStats]]:
    """What is usual at every window that may be told."""
    by_start: dict[int, list[str]] = {}
    for (key, start), each in after.items():
        if each.value >= compute_lowest_alert(rule):
            by_start.setdefault(start, []).append(key)
    edits = _compute_sum_deltas(change, {key for keys in by_start.values() for key in keys})
    history = duration_to_micros(rule.history)
    for start, keys in by_start.items():
        known = past.sum_windows(keys, start - history, start)
        for key in keys:
            sums = [known.get(key, _ZERO_SUMS)]
            sums += [e for when, e in edits.get(key, ()) if start - history <= when < start]
            count, total, squares = map(sum, zip(*sums, strict=True))
            yield (
                (key, start),
                BaselineStats(window_count=int(count), total=total, sum_of_squares=squares),
            )


def _compute_sum_deltas(
    change: WindowChanges, keys: AbstractSet[str]
) -> dict[str, list[tuple[int, BaselineSums]]]:
    """By group, what each touched window adds to the sums that are remembered."""
    edits: dict[str, list[tuple[int, BaselineSums]]] = {}
    for place in change.touched_keys:
        if place[0] not in keys:
            continue
        old, new = (_to_sums(each.get(place)) for each in (change.before, change.measured_windows))
        edit = (new[0] - old[0], new[1] - old[1], new[2] - old[2])
        edits.setdefault(place[0], []).append((place[1], edit))
    return edits


def _set_told(window: BaselineWindow, *, told: bool) -> BaselineWindow:
    # There are many windows, and few of them change.
    return window if window.told == told else window._replace(told=told)


def _to_sums(window: BaselineWindow | None) -> BaselineSums:
    return _ZERO_SUMS if window is None else (1, window.value, window.value * window.value)
