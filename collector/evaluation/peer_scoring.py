"""Which windows fire by those of their peers, given the windows measured anew."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import TypeAlias

from collector.detect.baseline_stats import BaselineStats, compute_lowest_alert
from collector.evaluation.baseline_scoring import ScoredWindows, WindowChanges, build_scored_windows
from collector.evaluation.peer_history import PeerHistory, find_place, sum_values
from collector.model import Baseline
from collector.store.baseline_memory import BaselineSums, BaselineWindow, BaselineWindowKey
from collector.store.peer_windows import PeerPlace

Windows: TypeAlias = Mapping[BaselineWindowKey, BaselineWindow]

_ZERO_SUMS: BaselineSums = (0, 0.0, 0.0)


def read_compared_windows(rule: Baseline, change: WindowChanges, past: PeerHistory) -> Windows:
    """The windows that may fire beside those of the change, by which it makes a difference."""
    heavy = past.read_windows_from(_list_places(change), compute_lowest_alert(rule))
    return {key: window for key, window in heavy.items() if key not in change.touched_keys}


def add_compared_windows(change: WindowChanges, compared: Windows) -> WindowChanges:
    """The change, which may end or begin what these windows match."""
    return replace(change, before={**change.before, **compared})


def score_peers(
    rule: Baseline, change: WindowChanges, compared: Windows, past: PeerHistory
) -> ScoredWindows:
    """Score the windows of a change, each by the others of its place.

    Args:
        rule: the baseline.
        change: the windows that are touched, and those that are scored beside.
        compared: what `read_compared_windows` said.
        past: the windows before the change.
    """
    after = change.after
    least = compute_lowest_alert(rule)
    heavy = {k: each for k, each in {**compared, **after}.items() if each.value >= least}
    places = {find_place(key, window) for key, window in heavy.items()}
    light = _sum_light_windows(places, change, least, past)
    firing = {
        key: stats
        for key, stats in _compute_stats(heavy, light)
        if key in after and stats.is_exceeded(rule, heavy[key].value)
    }
    return build_scored_windows(change, after, firing, dict.fromkeys(firing, ()))


def _list_places(change: WindowChanges) -> set[PeerPlace]:
    """Where touched windows were, and where they are."""
    return {
        find_place(key, windows[key])
        for windows in (change.before, change.measured_windows)
        for key in change.touched_keys & windows.keys()
    }


def _sum_light_windows(
    places: Collection[PeerPlace], change: WindowChanges, least: float, past: PeerHistory
) -> dict[PeerPlace, BaselineSums]:
    """By place, the sums of the windows that are too small to fire, as they are now."""
    sums = dict(past.sum_windows_below(places, least))
    for sign, windows in ((-1, change.before), (1, change.measured_windows)):
        for key in change.touched_keys & windows.keys():
            place = find_place(key, windows[key])
            if place in places and windows[key].value < least:
                value = sign * windows[key].value
                own = (sign, value, value * windows[key].value)
                sums[place] = _add_sums(sums.get(place, _ZERO_SUMS), own)
    return sums


def _compute_stats(
    heavy: Windows, light: Mapping[PeerPlace, BaselineSums]
) -> Iterator[tuple[BaselineWindowKey, BaselineStats]]:
    """Of each window that may fire, what its peers are like."""
    by_place: dict[PeerPlace, list[tuple[float, BaselineWindowKey]]] = {}
    for key, window in heavy.items():
        by_place.setdefault(find_place(key, window), []).append((window.value, key))
    for place, of_place in by_place.items():
        ordered = sorted(of_place)
        values = [value for value, _ in ordered]
        below = light.get(place, _ZERO_SUMS)
        for (_, key), others in zip(ordered, _sum_others(values), strict=True):
            count, total, squares = _add_sums(below, others)
            yield key, BaselineStats(window_count=count, total=total, sum_of_squares=squares)


def _sum_others(values: list[float]) -> Iterator[BaselineSums]:
    """Of each value, the sums of all others; nothing is taken off a sum again."""
    smaller = _accumulate(values)
    greater = reversed(list(_accumulate(values[::-1])))
    return itertools.starmap(_add_sums, zip(smaller, greater, strict=True))


def _accumulate(values: list[float]) -> Iterator[BaselineSums]:
    """The sums of the values before each of them."""
    each = [sum_values([value]) for value in values[:-1]]
    return itertools.accumulate(each, _add_sums, initial=_ZERO_SUMS)


def _add_sums(first: BaselineSums, second: BaselineSums) -> BaselineSums:
    return (first[0] + second[0], first[1] + second[1], first[2] + second[2])
