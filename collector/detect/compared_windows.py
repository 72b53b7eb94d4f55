"""With which windows a baseline compares one, as SQL: those of its past, or those of its peers."""

from __future__ import annotations

from collector.clock import duration_to_micros
from collector.detect.selected_events import (
    list_value_columns,
    name_value_column,
    render_key_digest,
)
from collector.model import Baseline


def render_peers_digest(baseline: Baseline) -> str:
    """SQL: the digest of what a group has in common with its peers; NULL where it has none."""
    count = len(baseline.group_by)
    if not baseline.peers:
        return "CAST(NULL AS VARCHAR)"
    return render_key_digest(count, first=count - len(baseline.peers))


def render_compared_sum(baseline: Baseline, aggregate: str) -> str:
    """SQL: an aggregate over the windows with which one is compared; never over itself.

    The rows are windows with their group, `start` and `value`. The aggregate is a sum of something,
    or a count.
    """
    if baseline.peers:
        return _render_sum_of_peers(baseline, aggregate)
    keys = list_value_columns(len(baseline.group_by))
    return (
        f"{aggregate} OVER (PARTITION BY {keys} ORDER BY start"
        f" RANGE BETWEEN {duration_to_micros(baseline.history)} PRECEDING AND 1 PRECEDING)"
    )


def _render_sum_of_peers(baseline: Baseline, aggregate: str) -> str:
    """SQL: the aggregate over smaller windows and that over greater ones, added.

    To take a great value off a sum again would leave little of the small ones, and not every
    engine has EXCLUDE CURRENT ROW.
    """
    columns = [name_value_column(place) for place in range(len(baseline.group_by))]
    peers = ", ".join(columns[-len(baseline.peers) :])
    parts = []
    for direction in ("", " DESC"):
        order = ", ".join(f"{name}{direction}" for name in ("value", *columns))
        parts.append(
            f"coalesce({aggregate} OVER (PARTITION BY {peers}, start ORDER BY {order}"
            " ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)"
        )
    return f"({' + '.join(parts)})"
