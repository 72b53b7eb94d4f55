"""Temporal correlations as SQL: rules that fit by different events, in any order or in theirs.

Different events are there for all rules exactly where for each of their subsets there are as many
events that match any of it as it has rules (Hall's theorem on systems of distinct representatives);
so many rules that the worst subset lacks cannot have one (its form with a deficiency).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from collector.clock import duration_to_micros
from collector.detect.correlation_sql.frames import (
    BEFORE_NOW,
    JUST_NOW,
    MICROS_COLUMN,
    UNTIL_NOW,
    name_flag_column,
    render_member_count,
    render_over_clause,
    render_window_frame,
)
from collector.detect.correlation_sql.input_rows import list_distinct_members
from collector.detect.correlation_sql.rule_overlaps import (
    RuleGroup,
    list_subsets,
    name_subset_column,
    render_subset_count,
)
from collector.escaping import quote_identifier
from collector.model import Correlation


@dataclass(frozen=True, slots=True, kw_only=True)
class TemporalWindows:
    """SQL: rows with the columns that the windows need, when one fires, and its metric."""

    rows: str
    fires: str
    metric: str


def build_temporal_windows(
    correlation: Correlation, rows: str, overlaps: Sequence[RuleGroup]
) -> TemporalWindows:
    """The windows of a temporal correlation; `overlaps` are its rules by shared event types."""
    if correlation.type == "temporal_ordered":
        return _require_order(correlation, rows, overlaps)
    rows = _add_window_counts(correlation, rows, overlaps)
    if correlation.limit is None:
        fires = " AND ".join(_list_window_needs(correlation, overlaps))
        return TemporalWindows(rows=rows, fires=fires, metric=_count_events(correlation))
    fitting = _render_fitting_rules(correlation, overlaps)
    return TemporalWindows(
        rows=rows, fires=f"metric >= {int(correlation.limit)}", metric=f"({fitting})"
    )


def _count_events(correlation: Correlation) -> str:
    window = render_over_clause(correlation, render_window_frame(correlation))
    return f"{render_member_count(correlation)} {window}"


# ---- in any order


def _add_window_counts(correlation: Correlation, rows: str, overlaps: Sequence[RuleGroup]) -> str:
    """The last time of each rule until a row, and of each subset the events in its window."""
    earlier = render_over_clause(correlation, UNTIL_NOW)
    window = render_over_clause(correlation, render_window_frame(correlation))
    columns = [
        f"max(CASE WHEN {name_flag_column(place)} = 1 THEN {MICROS_COLUMN} END) {earlier}"
        f" AS {_name_last_column(place)}"
        for place in range(len(list_distinct_members(correlation)))
    ]
    columns += [render_subset_count(each, window) for each in _list_all_subsets(overlaps)]
    return f"SELECT *, {', '.join(columns)} FROM ({rows}) AS events"


def _list_window_needs(correlation: Correlation, overlaps: Sequence[RuleGroup]) -> Iterator[str]:
    """The conditions under which all rules fit by different events."""
    for place in range(len(list_distinct_members(correlation))):
        yield _render_is_near(correlation, place)
    for subset in _list_all_subsets(overlaps):
        yield f"{name_subset_column(subset)} >= {len(subset)}"


def _render_fitting_rules(correlation: Correlation, overlaps: Sequence[RuleGroup]) -> str:
    """The greatest number of rules that fit by different events."""
    return " + ".join(_render_fitting_in_group(correlation, group) for group in overlaps)


def _render_fitting_in_group(correlation: Correlation, group: RuleGroup) -> str:
    present = " + ".join(
        f"CASE WHEN {_render_is_near(correlation, place)} THEN 1 ELSE 0 END" for place in group
    )
    limits = [
        f"{name_subset_column(subset)} + {len(group) - len(subset)}"
        for subset in list_subsets(group)
    ]
    return f"LEAST({', '.join([present, *limits])})" if limits else f"({present})"


def _render_is_near(correlation: Correlation, place: int) -> str:
    return f"{_name_last_column(place)} >= {_render_window_start(correlation)}"


# ---- in order


def _require_order(
    correlation: Correlation, rows: str, overlaps: Sequence[RuleGroup]
) -> TemporalWindows:
    """The latest start of a chain of different events, one of each rule, that ends at a time.

    What happens at one time is in order, whatever the rules. So a chain is a chain that ended
    earlier, and for its last steps enough events now. It ends with each of the events of its last
    time that match the last rule.
    """
    last = list_distinct_members(correlation).index(correlation.members[-1])
    start = _render_latest_start(correlation, len(correlation.members), overlaps)
    fires = f"{name_flag_column(last)} = 1 AND {start} >= {_render_window_start(correlation)}"
    counted = _add_present_counts(correlation, rows, overlaps)
    return TemporalWindows(
        rows=_add_chains(correlation, counted, overlaps),
        fires=fires,
        metric=_count_events(correlation),
    )


def _add_present_counts(correlation: Correlation, rows: str, overlaps: Sequence[RuleGroup]) -> str:
    """How many events of each rule, and of each subset, there are at the time of a row."""
    now = render_over_clause(correlation, JUST_NOW)
    counts = [
        f"sum({name_flag_column(place)}) {now} AS {_name_count_column(place)}"
        for place in range(len(list_distinct_members(correlation)))
    ]
    counts += [render_subset_count(each, now) for each in _list_all_subsets(overlaps)]
    return f"SELECT *, {', '.join(counts)} FROM ({rows}) AS events"


def _add_chains(correlation: Correlation, rows: str, overlaps: Sequence[RuleGroup]) -> str:
    """The latest start of the chains of the first steps that ended before a row."""
    before = render_over_clause(correlation, BEFORE_NOW)
    for step in range(1, len(correlation.members)):
        start = f"max({_render_latest_start(correlation, step, overlaps)}) {before}"
        rows = f"SELECT *, {start} AS {_name_chain_column(step)} FROM ({rows}) AS events"
    return rows


def _render_latest_start(correlation: Correlation, step: int, overlaps: Sequence[RuleGroup]) -> str:
    """Of the chains of so many steps that end with what happens now."""
    starts = [
        f"CASE WHEN {' AND '.join(_list_present_needs(correlation, earlier, step, overlaps))}"
        f" THEN {_name_chain_column(earlier)} END"
        for earlier in range(step)
    ]
    return f"GREATEST({', '.join(starts)})" if len(starts) > 1 else starts[0]


def _list_present_needs(
    correlation: Correlation, earlier: int, step: int, overlaps: Sequence[RuleGroup]
) -> Iterator[str]:
    """The conditions under which the steps since an earlier one fit by different events now."""
    places = list_distinct_members(correlation)
    needed = Counter(places.index(rule) for rule in correlation.members[earlier:step])
    for place, times in needed.items():
        yield f"{_name_count_column(place)} >= {times}"
    for group in overlaps:
        for subset in list_subsets(tuple(place for place in group if place in needed)):
            times = sum(needed[place] for place in subset)
            yield f"{name_subset_column(subset)} >= {times}"


# ---- columns


def _list_all_subsets(overlaps: Sequence[RuleGroup]) -> Iterator[RuleGroup]:
    for group in overlaps:
        yield from list_subsets(group)


def _render_window_start(correlation: Correlation) -> str:
    return f"{MICROS_COLUMN} - {duration_to_micros(correlation.timespan)}"


def _name_last_column(place: int) -> str:
    return quote_identifier(f"#last{place}")


def _name_count_column(place: int) -> str:
    return quote_identifier(f"#count{place}")


def _name_chain_column(steps: int) -> str:
    return quote_identifier(f"#chain{steps}") if steps else MICROS_COLUMN
