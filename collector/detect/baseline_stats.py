"""A group's past, and whether a window exceeds it: as numbers, and as SQL."""

from __future__ import annotations

import math
from dataclasses import dataclass

from collector.model import Baseline


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineStats:
    """A group's past: the number of windows, and sums of their values and of the squares."""

    window_count: int
    total: float
    sum_of_squares: float

    @property
    def mean(self) -> float | None:
        """The mean of their values; None without any."""
        return self.total / self.window_count if self.window_count else None

    @property
    def standard_deviation(self) -> float | None:
        """Their standard deviation as a whole population; None without any."""
        return self._scaled_deviation / self.window_count if self.window_count else None

    @property
    def _scaled_deviation(self) -> float:
        return math.sqrt(
            max(self.window_count * self.sum_of_squares - self.total * self.total, 0.0)
        )

    def is_exceeded(self, rule: Baseline, value: float) -> bool:
        """Whether a window with that value fires."""
        if self.window_count < rule.minimum:
            return rule.cold_start is not None and value >= rule.cold_start
        # Multiplied out: sums of whole numbers are exact, their quotients are not.
        above = self.window_count * value - self.total > rule.deviations * self._scaled_deviation
        is_multiple = rule.times_mean is None or (
            self.window_count * value >= rule.times_mean * self.total
        )
        return above and is_multiple and value >= rule.floor

    def divide_by_mean(self, value: float) -> float | None:
        """How many times the mean a value is."""
        return value / self.mean if self.mean else None

    def count_deviations(self, value: float) -> float | None:
        """How many standard deviations a value lies above the mean."""
        if self.mean is None or not self.standard_deviation:
            return None
        return (value - self.mean) / self.standard_deviation


def compute_lowest_alert(rule: Baseline) -> float:
    """The smallest value with which a window can fire."""
    return rule.floor if rule.cold_start is None else min(rule.floor, rule.cold_start)


def render_is_exceeded(rule: Baseline, scaled_deviation: str) -> str:
    """SQL: `BaselineStats.is_exceeded` of rows with `history`, `total` and `value`.

    `scaled_deviation` is the standard deviation times the number of windows, as SQL.
    """
    is_above = (
        f"history >= {rule.minimum} AND value >= {rule.floor!r}"
        f" AND coalesce(history * value - total > {rule.deviations!r} * {scaled_deviation}, FALSE)"
    )
    if rule.times_mean is not None:
        is_above += f" AND history * value >= {rule.times_mean!r} * total"
    if rule.cold_start is None:
        return f"({is_above})"
    return f"({is_above} OR history < {rule.minimum} AND value >= {rule.cold_start!r})"
