"""What an event was seen against, each in one plain sentence. Values are as they came."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from collector.clock import EPOCH

ContextEntry = Mapping[str, Any]

FLOOD_VALUES = 3
"""The most frequent values of a column that the sentence about a flood names."""


def render_context(context: Iterable[ContextEntry]) -> Iterator[tuple[str, str]]:
    """A label and a sentence for each entry of a kind that is known."""
    for entry in context:
        if (renderer := _RENDERERS.get(as_text(entry.get("kind")))) is not None:
            label, render = renderer
            yield label, render(entry)


def as_text(value: Any) -> str:
    """The value's text; none is empty."""
    return "" if value is None else str(value)


def format_duration(seconds: int) -> str:
    """So many seconds, in their two largest units."""
    for size, unit, smaller, part in ((86400, "d", 3600, "h"), (3600, "h", 60, "min")):
        if seconds >= size:
            rest = seconds % size // smaller
            return f"{seconds // size} {unit}" + (f" {rest} {part}" if rest else "")
    return f"{seconds // 60} min" if seconds >= 60 else f"{seconds} s"


def format_event_count(value: Any) -> str:
    """So many events, in words; a count that is no number as it is."""
    return "1 event" if value == 1 else f"{_format_number(value)} events"


# ---- the kinds

_LIMIT_PHRASES = {
    "gt": "more than {}",
    "gte": "{}",
    "lt": "fewer than {}",
    "lte": "at most {}",
    "eq": "exactly {}",
    "neq": "any number but {}",
}
_MEASURE_PHRASES = {
    "value_count": "{} different values",
    "value_sum": "a sum of {}",
    "value_avg": "an average of {}",
    "value_percentile": "a percentile of {}",
    "value_median": "a median of {}",
}


def _render_window(entry: ContextEntry) -> str:
    within = f"within {_format_seconds(entry.get('timespan_seconds'))}"
    kind = as_text(entry.get("type"))
    events = format_event_count(entry.get("event_count"))
    if kind.startswith("temporal"):
        is_alone = isinstance(rules := entry.get("rules"), list | tuple) and len(rules) == 1
        order = " in this order" if kind == "temporal_ordered" and not is_alone else ""
        some = f"{_format_number(entry.get('metric'))} of " if entry.get("limit") else ""
        told = f"{some}{_join_texts(entry.get('rules'))}{order}: {events} {within}"
        return f"{told}{_render_absence(entry)}"
    measure = _MEASURE_PHRASES.get(kind)
    if measure is None:
        measured = events
    else:
        measured = f"{measure.format(_format_number(entry.get('metric')))} in {events}"
    operator = as_text(entry.get("operator"))
    limit = _LIMIT_PHRASES.get(operator, "{}").format(_format_number(entry.get("limit")))
    return f"{measured} {within}, {limit} are asked for"


def _render_absence(entry: ContextEntry) -> str:
    """What has not come, and what was not read to the end of the window; empty where nothing is."""
    if not entry.get("absent"):
        return ""
    unread = entry.get("unread")
    parts = [
        f"; {as_text(stream)} could not be read {_render_since(until)}"
        for stream, until in (unread.items() if isinstance(unread, Mapping) else ())
    ]
    return f", and no {_join_texts(entry['absent'])}{''.join(parts)}"


def _render_since(value: Any) -> str:
    """Since when it could not be; what is no time, as it is."""
    written = as_text(value)
    try:
        time = datetime.fromisoformat(written).astimezone(UTC)
    except (ValueError, OverflowError):
        return f"since {written}"
    return "at all" if time <= EPOCH else f"since {time:%Y-%m-%d %H:%M} UTC"


def _render_list_entry(entry: ContextEntry) -> str:
    value, listed = as_text(entry.get("value")), as_text(entry.get("entry"))
    matched = listed if value in {"", listed} else f"{value} by {listed}"
    details = (
        as_text(entry.get("campaign")),
        _label_value("published by", as_text(entry.get("source"))),
        _label_value("last seen", _format_date(entry.get("last_seen"))),
        _label_value("confidence", as_text(entry.get("confidence"))),
        _label_value("counted until", _format_date(entry.get("expired"))),
        as_text(entry.get("note")),
    )
    return f"{as_text(entry.get('list'))}: {matched}{_bracket_parts(details)}"


def _render_first_seen(entry: ContextEntry) -> str:
    days = _format_number(entry.get("forget_days"))
    sentence = f"not seen in the {days} days before"
    if last := _format_date(entry.get("last_seen")):
        sentence += f", last on {last}"
    key = entry.get("key")
    values = key.items() if isinstance(key, Mapping) else ()
    suffix = _bracket_parts(f"{name} {as_text(value)}" for name, value in values)
    return f"{sentence}; history since {_format_date(entry.get('since'))}{suffix}"


def _render_baseline(entry: ContextEntry) -> str:
    current = f"this one {_format_number(entry.get('value'))}"
    peers = entry.get("peers")
    if entry.get("mean") is None:
        lack = "no others to compare with" if peers else "no history yet"
        return f"{lack}; {current}"
    mean = f"{_format_number(entry['mean'])} ± {_format_number(entry.get('stddev'))}"
    if isinstance(peers, Mapping):
        common = ", ".join(f"{name} {as_text(value)}" for name, value in peers.items())
        others = f"{_format_number(entry.get('windows'))} others of {common}"
        return f"{mean} of {others} in the same window{_format_window_length(entry)}; {current}"
    windows = f"{_format_number(entry.get('windows'))} windows{_format_window_length(entry)}"
    return f"{mean} in {windows} over {_format_number(entry.get('history_days'))} d; {current}"


def _render_flood(entry: ContextEntry) -> str:
    limit, hour = _format_number(entry.get("limit")), as_text(entry.get("hour"))
    groups = entry.get("groups")
    most = [
        f"{name}: {_join_counts(counts)}"
        for name, counts in (groups.items() if isinstance(groups, Mapping) else ())
        if isinstance(counts, Mapping)
    ]
    sentence = f"the rule had over {limit} alerts in the hour from {hour}; the others are in this"
    return f"{sentence}, most often by {'; '.join(most)}" if most else sentence


def _join_counts(counts: Mapping[str, Any]) -> str:
    """The first values of a column, each with how often it came."""
    shown = islice(counts.items(), FLOOD_VALUES)
    return ", ".join(f"{as_text(value)} ({_format_number(count)})" for value, count in shown)


_RENDERERS: Mapping[str, tuple[str, Callable[[ContextEntry], str]]] = {
    "window": ("Window", _render_window),
    "list": ("List", _render_list_entry),
    "first_seen": ("New", _render_first_seen),
    "baseline": ("Usual", _render_baseline),
    "flood": ("Flood", _render_flood),
}


# ---- their values


def _format_number(value: Any) -> str:
    """A number as people write it; what is none, as it is."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return as_text(value) or "?"
    if isinstance(value, int):
        return f"{value:,}"
    if not math.isfinite(value):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 100 or value.is_integer() else f"{value:,.4g}"


def _format_seconds(value: Any) -> str:
    try:
        return format_duration(int(value))
    except (TypeError, ValueError, OverflowError):
        return _format_number(value)


def _format_window_length(entry: ContextEntry) -> str:
    try:
        start, end = (
            datetime.fromisoformat(entry[name]) for name in ("window_start", "window_end")
        )
        return f" of {format_duration(int((end - start).total_seconds()))}"
    except (KeyError, TypeError, ValueError):
        return ""


def _format_date(value: Any) -> str:
    """The date of a time; what is none, as it is."""
    written = as_text(value)
    try:
        return datetime.fromisoformat(written).date().isoformat()
    except ValueError:
        return written


def _join_texts(value: Any) -> str:
    return ", ".join(map(as_text, value)) if isinstance(value, (list, tuple)) else as_text(value)


def _label_value(label: str, value: str) -> str:
    return f"{label} {value}" if value else ""


def _bracket_parts(parts: Iterable[str]) -> str:
    joined = ", ".join(filter(None, parts))
    return f" ({joined})" if joined else ""
