"""The forecast of an org's API calls, in words: what fits, what does not, and what would."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import timedelta

from collector.collection.poll_forecast import CallForecast, GroupForecast

_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


def format_interval(interval: timedelta) -> str:
    """An interval as a setting says it, rounded up to what is easy to read: `45s`, `4m`, `3h`."""
    seconds = math.ceil(interval.total_seconds())
    unit = 3_600 if seconds > 3 * 3_600 else 60 if seconds > 120 else 1
    rounded = math.ceil(seconds / unit) * unit
    name, length = next(each for each in _UNITS if rounded % each[1] == 0)
    return f"{rounded // length}{name}"


def describe_group(group: GroupForecast) -> str:
    """How often a group is asked, and what that takes in a day."""
    calls = f"{group.daily_calls:,.0f} calls a day"
    if group.is_paused:
        return f"paused, configured {format_interval(group.configured)}"
    if not group.reason:
        return f"every {format_interval(group.interval)}, {calls}"
    every, configured = format_interval(group.interval), format_interval(group.configured)
    return f"every {every} instead of {configured}, {calls}"


def describe_total(forecast: CallForecast) -> str:
    """What a day takes, and of how much."""
    files, calls = forecast.daily_files, forecast.configured_calls
    total = f"{calls:,} calls a day at the configured intervals, {files:,} of them for log files"
    if forecast.share is None:
        return f"{total}; the org has not yet said how many it allows"
    return f"{total}; api_budget_percent: {forecast.percent} allows {forecast.share:,}"


def list_remedies(forecast: CallForecast) -> Iterator[str]:
    """What would fit, and why it does not as it is: nothing where everything fits."""
    reasons = dict.fromkeys(group.reason for group in forecast.groups)
    yield from (reason for reason in reasons if reason not in ("", forecast.shortage))
    if settings := _render_settings(forecast):
        yield f"these intervals would fit: {settings}"
    if forecast.side_allowance is not None and forecast.daily_files > forecast.side_allowance:
        yield (
            f"{forecast.side_allowance:,} of the {forecast.daily_files:,} log files of a day can be"
            " downloaded: name fewer `event_types`, or read the daily files by `interval: daily`"
        )
    if not forecast.does_fit and forecast.share is not None:
        yield _suggest_percent(forecast)


def _suggest_percent(forecast: CallForecast) -> str:
    if forecast.fitting_percent is None:
        return "no `api_budget_percent` would fit the configured intervals"
    return f"`api_budget_percent: {forecast.fitting_percent}` would fit the configured intervals"


def _render_settings(forecast: CallForecast) -> str:
    """The intervals that would fit, as the configuration has them."""
    by_source: dict[str, list[str]] = {}
    for group in forecast.groups:
        if group.reason and not group.is_paused and group.interval > group.configured:
            entry = f"{group.setting}: {format_interval(group.interval)}"
            by_source.setdefault(group.source, []).append(entry)
    return ", ".join(f"{source}: {{{', '.join(each)}}}" for source, each in by_source.items())
