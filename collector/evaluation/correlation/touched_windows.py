"""Which windows of a correlation are computed again, and from which events."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import duckdb

from collector.detect import correlation_sql
from collector.evaluation.correlation.leaf_events import LeafEvents
from collector.evaluation.event_views import TimeSpan


@dataclass(frozen=True, slots=True, kw_only=True)
class TouchedWindow:
    """The events to compute a correlation from, and the times for which it is complete then.

    `touched` are the times of the windows that events of the batch are in.
    """

    leaf_events: LeafEvents
    scope: TimeSpan
    touched: TimeSpan | None = None

    def read_from(self, leaf_events: LeafEvents) -> TouchedWindow:
        """The same, computed from the same events as these have them."""
        return replace(self, leaf_events=leaf_events)


def touch_window(leaf_events: LeafEvents, changed: TimeSpan) -> TouchedWindow:
    """What is computed again when events change in a span.

    An event changes windows that end up to a reach after it, whose events lie up to a reach before
    it; evaluating all of these takes one reach more on either side.
    """
    rule, rules = leaf_events.rule, leaf_events.rules.by_name
    reach = correlation_sql.compute_reach(rule, rules)
    # Windows may begin with an event, and a link fills earlier events, too.
    reaches_back = rule.absent_rules or correlation_sql.has_link(rule, rules)
    first = changed[0] - reach if reaches_back else changed[0]
    return TouchedWindow(
        leaf_events=leaf_events,
        scope=widen_span(changed, reach),
        touched=(first, changed[1] + reach),
    )


def read_time_limits(connection: duckdb.DuckDBPyConnection, table: str) -> list[tuple[int, int]]:
    """The span from the first to the last time in microseconds; none of no events."""
    row = connection.execute(
        f"SELECT epoch_us(min(time)), epoch_us(max(time)) FROM {table}"
    ).fetchone()
    return [] if row is None or row[0] is None else [(row[0], row[1])]


def widen_span(span: TimeSpan, by: timedelta) -> TimeSpan:
    """The span with so much more on either side."""
    return span[0] - by, span[1] + by
