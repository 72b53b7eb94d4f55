"""The times that a query asks for at all, as the engine's plan of it tells them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb

_CONDITION = re.compile(
    r"\(*time ?(?P<sign>=|<|>|<=|>=) ?'(?P<moment>[^']+)'::TIMESTAMP WITH TIME ZONE\)*"
    r"|\(*time IS NOT NULL\)*"
)
_SIGNS_OF_FIRST, _SIGNS_OF_LAST = frozenset({"=", ">", ">="}), frozenset({"=", "<", "<="})

_NO_SHORTCUTS = "SET disabled_optimizers = 'statistics_propagation'"
"""The plan is that of all files that there may be, not of what the present ones happen to hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeBounds:
    """A query needs no event before `first` and none after `last`; None is no bound."""

    first: datetime | None = None
    last: datetime | None = None

    def overlap(self, first: datetime, last: datetime) -> bool:
        """Whether any event between two times, both included, may be needed."""
        return not (
            (self.first is not None and last < self.first)
            or (self.last is not None and first > self.last)
        )


def find_time_bounds(connection: duckdb.DuckDBPyConnection, sql: str) -> TimeBounds:
    """The bounds of a SELECT over views of files of events, as far as its plan shows them.

    What the engine takes into its reading of each of the files is a condition that the query has
    on all that it reads there. Moments such as now() are those of the present transaction.

    Raises:
        duckdb.Error: the query is not valid; the connection can only be closed.
    """
    connection.execute(_NO_SHORTCUTS)
    row = connection.execute(f"EXPLAIN (FORMAT json) {sql}").fetchone()
    connection.execute("RESET disabled_optimizers")
    scans = [] if row is None else list(_list_scans(json.loads(row[1])))
    bounds = [_read_bounds(scan) for scan in scans]
    firsts, lasts = [each.first for each in bounds], [each.last for each in bounds]
    return TimeBounds(
        first=min((time for time in firsts if time), default=None) if all(firsts) else None,
        last=max((time for time in lasts if time), default=None) if all(lasts) else None,
    )


def _list_scans(plan: list[dict[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """What the plan says of each reading of files."""
    steps = list(plan)
    while steps:
        step = steps.pop()
        steps += step.get("children", ())
        if "PARQUET" in str(step.get("name")).upper():
            yield step.get("extra_info", {})


def _read_bounds(scan: Mapping[str, Any]) -> TimeBounds:
    filters = scan.get("Filters", ())
    conditions = [
        match
        for text in ([filters] if isinstance(filters, str) else filters)
        for match in _split_conjunction(text)
    ]
    firsts = [_parse_moment(each) for each in conditions if each["sign"] in _SIGNS_OF_FIRST]
    lasts = [_parse_moment(each) for each in conditions if each["sign"] in _SIGNS_OF_LAST]
    return TimeBounds(
        first=max((time for time in firsts if time), default=None),
        last=min((time for time in lasts if time), default=None),
    )


def _split_conjunction(text: str) -> list[re.Match[str]]:
    """The conditions on the time that a filter is the conjunction of; none where it is another."""
    matches = [_CONDITION.fullmatch(part) for part in text.split(" AND ")]
    return [match for match in matches if match] if all(matches) else []


def _parse_moment(condition: re.Match[str]) -> datetime | None:
    """The moment; None for one that Python has no form for, which then bounds nothing."""
    try:
        return datetime.fromisoformat(condition["moment"]).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
