"""SQL for when an event happened, and for what was wrong with the time that it came with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from collector.clock import EARLIEST_TIME, FUTURE_TOLERANCE
from collector.escaping import quote_literal
from collector.model import Batch, LogFileFacts
from collector.normalize.column_mappings import resolve_mapping

MAX_EVENT_AGE = timedelta(days=31)
MAX_EVENT_LEAD = timedelta(days=3)
"""How long before or after its LogDate an event of a listed log file may be: a file is of an hour
or a day. It bounds how many days one file may write to."""

NO_TIME = "none given"
"""What `time_defect` says of an event that came without any time."""

MAX_SHOWN_TIME = 60
"""So many characters are shown of a time that could not be read."""

RECORDING_TIMES = frozenset({"CreatedDate", "createdDate", "ObservedDate"})
"""When a record was written down. It stands in for the time of the event where a record lacks it,
which is no defect only where records of that kind have no other: EventDate is required (Platform
Events Developer Guide, ApiAnomalyEventStore and all like it)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeReading:
    """SQL that reads the time of an event of a batch.

    Attributes:
        time: the first one that can be read and can be; NULL where none can.
        own_time: that of the event itself, not of its record; None where it is `time`.
        text: what came for it; NULL for blanks.
    """

    time: str = "NULL"
    own_time: str | None = None
    text: str = "NULL"

    def describe_defect(self, own_time: str) -> str:
        """SQL: what came in place of the event's own time, where that is NULL; else NULL."""
        text = f"coalesce(left({self.text}, {MAX_SHOWN_TIME}), {quote_literal(NO_TIME)})"
        return f"CASE WHEN {own_time} IS NULL THEN {text} END"


def build_time_reading(relation_columns: Mapping[str, str], batch: Batch) -> TimeReading:
    """How to read the time from a relation's columns, which are given by native column."""
    times = {
        candidate.native_column: _build_possible_time(candidate.read_value(alias), batch)
        for candidate in resolve_mapping(batch.event_type).get("time", ())
        if (alias := relation_columns.get(candidate.native_column))
    }
    if not times:
        return TimeReading()
    own_times = {name: time for name, time in times.items() if name not in RECORDING_TIMES}
    has_others = 0 < len(own_times) < len(times)
    texts = (f"nullif(trim({relation_columns[name]}), '')" for name in own_times or times)
    return TimeReading(
        time=_choose_first(times.values()),
        own_time=_choose_first(own_times.values()) if has_others else None,
        text=_choose_first(texts),
    )


def _choose_first(values: Iterable[str]) -> str:
    return f"coalesce({', '.join(values)})"


def render_timestamp(moment: datetime) -> str:
    """SQL: a moment."""
    return f"TIMESTAMPTZ {quote_literal(moment.astimezone(UTC).isoformat(sep=' '))}"


def _build_possible_time(time: str, batch: Batch) -> str:
    """SQL: a time that an event of the batch may have; NULL for any other."""
    earliest, latest = map(render_timestamp, _compute_possible_span(batch))
    return f"CASE WHEN {time} BETWEEN {earliest} AND {latest} THEN {time} END"


def _compute_possible_span(batch: Batch) -> tuple[datetime, datetime]:
    """The first and the last time that events of the batch may have."""
    latest = batch.received + FUTURE_TOLERANCE
    if not isinstance(batch.facts, LogFileFacts):
        return EARLIEST_TIME, latest
    return batch.log_time - MAX_EVENT_AGE, min(batch.log_time + MAX_EVENT_LEAD, latest)
