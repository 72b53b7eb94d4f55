"""Which windows fire, given the windows measured anew and the stored past."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from collector.clock import duration_to_micros
from collector.detect.baseline_stats import BaselineStats, compute_lowest_alert
from collector.evaluation.baseline_history import BaselineHistory, list_recent_windows
from collector.model import Baseline
from collector.store.baseline_memory import BaselineSums, BaselineWindow, BaselineWindowKey

_ZERO_SUMS: BaselineSums = (0, 0.0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowChanges:
    """The windows of some groups before a batch, and those that it changes.

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
        """The windows after the batch, `told` as before it."""
        windows = {
            key: window for key, window in self.before.items() if key not in self.touched_keys
        }
        for key, window in self.measured_windows.items():
            previous = self.before.get(key)
            windows[key] = _set_told(window, told=previous is not None and previous.told)
        return windows


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
    """Score every window that is touched or has a touched one in its past."""
    after = change.after
    firing = {
        key: stats
        for key, stats in _compute_stats(rule, change, after, past)
        if stats.is_exceeded(rule, after[key].value)
    }
    recent = list_recent_windows(
        past, after, change.touched_keys, firing, duration_to_micros(rule.history)
    )
    return build_scored_windows(change, after, firing, recent)


def build_scored_windows(
    change: WindowChanges,
    after: Mapping[BaselineWindowKey, BaselineWindow],
    firing: Mapping[BaselineWindowKey, BaselineStats],
    recent_windows: Mapping[BaselineWindowKey, Sequence[tuple[int, float]]],
) -> ScoredWindows:
    """The windows after a change, given those of them that fire."""
    told = {key for key, window in change.before.items() if window.told}
    return ScoredWindows(
        firing_windows=firing,
        recent_windows=recent_windows,
        windows={key: _set_told(window, told=key in firing) for key, window in after.items()},
        withdrawn_keys=frozenset(told - firing.keys()),
    )


def _compute_stats(
    rule: Baseline,
    change: WindowChanges,
    after: Mapping[BaselineWindowKey, BaselineWindow],
    past: BaselineHistory,
) -> Iterator[tuple[BaselineWindowKey, BaselineStats]]:
    """The statistics of the past of every window that may fire."""
    by_start: dict[int, list[str]] = {}
    for (key, start), window in after.items():
        if window.value >= compute_lowest_alert(rule):
            by_start.setdefault(start, []).append(key)
    deltas = _compute_sum_deltas(change, {key for keys in by_start.values() for key in keys})
    history = duration_to_micros(rule.history)
    for start, keys in by_start.items():
        stored_sums = past.sum_windows(keys, start - history, start)
        for key in keys:
            sums = [stored_sums.get(key, _ZERO_SUMS)]
            sums += [
                delta for time, delta in deltas.get(key, ()) if start - history <= time < start
            ]
            count, total, squares = map(sum, zip(*sums, strict=True))
            yield (
                (key, start),
                BaselineStats(window_count=int(count), total=total, sum_of_squares=squares),
            )


def _compute_sum_deltas(
    change: WindowChanges, keys: AbstractSet[str]
) -> dict[str, list[tuple[int, BaselineSums]]]:
    """By group, start and change of the stored sums of each touched window."""
    deltas: dict[str, list[tuple[int, BaselineSums]]] = {}
    for key in change.touched_keys:
        if key[0] not in keys:
            continue
        old, new = (
            _to_sums(windows.get(key)) for windows in (change.before, change.measured_windows)
        )
        delta = (new[0] - old[0], new[1] - old[1], new[2] - old[2])
        deltas.setdefault(key[0], []).append((key[1], delta))
    return deltas


def _set_told(window: BaselineWindow, *, told: bool) -> BaselineWindow:
    # There are many windows, and few of them change.
    return window if window.told == told else window._replace(told=told)


def _to_sums(window: BaselineWindow | None) -> BaselineSums:
    return _ZERO_SUMS if window is None else (1, window.value, window.value * window.value)
