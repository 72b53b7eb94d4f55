"""Compares the hourly files of a day with its daily ones, which hold the same events.

Daily files are never ingested. Listing them costs a call, counting their rows one call a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

import duckdb

from collector import engine, normalize
from collector.csv_segments import CsvSegments
from collector.errors import CollectorError, CorruptDownloadError, SalesforceError
from collector.model import BatchState, LogFileFacts
from collector.salesforce.soql import parse_datetime, render_literal
from collector.sources import SourceContext
from collector.store.batch_inventory import InventoryItem

DAY = timedelta(days=1)

SUPPLEMENT_DELAY = timedelta(days=3)
"""So long after its end an hour may still get supplements."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HourlyDailyComparison:
    """A day of an event type by its hourly files and by its daily files.

    `hourly_rows` are events that are, or were, in the archive. `daily_rows` is None where they were
    not counted, `daily_bytes` where there is no daily file. `trouble` says why they could
    not be counted.
    """

    org: str
    event_type: str
    day: date
    hourly_files: int = 0
    hourly_rows: int = 0
    hourly_bytes: int = 0
    daily_files: int = 0
    daily_rows: int | None = None
    daily_bytes: int | None = None
    trouble: str = ""

    @property
    def verdict(self) -> str:
        """`equal`, `hourly has 3 fewer` or `more`, `only hourly`, `only daily`, `not counted`."""
        if not self.daily_files:
            return "only hourly"
        if not self.hourly_files:
            return "only daily"
        if self.daily_rows is None:
            return "not counted"
        difference = self.hourly_rows - self.daily_rows
        if not difference:
            return "equal"
        return f"hourly has {abs(difference):,} {'more' if difference > 0 else 'fewer'}"

    def is_incomplete(self, now: datetime) -> bool:
        """Whether the daily file has what the hourly ones can hardly bring any more."""
        if datetime.combine(self.day, time(), UTC) + DAY + SUPPLEMENT_DELAY > now:
            return False
        counted = self.daily_rows is not None and self.hourly_rows < self.daily_rows
        return bool(self.daily_files) and (counted or not self.hourly_files)


EventTypePredicate = Callable[[str], bool]
"""Whether an event type is meant."""


def sum_hourly_files(
    items: Iterable[InventoryItem],
) -> dict[tuple[str, date], HourlyDailyComparison]:
    """The sums of the ingested hourly files, by event type and day."""
    totals: dict[tuple[str, date], HourlyDailyComparison] = {}
    for item in items:
        facts = item.facts
        if not isinstance(facts, LogFileFacts) or not facts.sequence:
            continue
        if item.state not in (BatchState.STORED, BatchState.QUARANTINED):
            continue
        key = item.event_type, item.log_time.date()
        total = totals.get(key) or HourlyDailyComparison(
            org=item.stream.org, event_type=key[0], day=key[1]
        )
        totals[key] = replace(
            total,
            hourly_files=total.hourly_files + 1,
            hourly_rows=total.hourly_rows + item.rows + item.pruned,
            hourly_bytes=total.hourly_bytes + (facts.bytes or 0),
        )
    return totals


def compare_daily_files(
    context: SourceContext,
    hourly_totals: Mapping[tuple[str, date], HourlyDailyComparison],
    *,
    since: datetime,
    until: datetime,
    is_collected: EventTypePredicate,
    is_counted: EventTypePredicate,
) -> Iterator[HourlyDailyComparison]:
    """Every event type on every whole UTC day between two times.

    Args:
        context: the org, and a folder to put files in for a moment.
        hourly_totals: what `sum_hourly_files` gives for that time.
        since: the first whole day begins here or later.
        until: the last one ends here or earlier.
        is_collected: the types that are collected at all.
        is_counted: those of which the daily files are downloaded and their rows counted.

    Raises:
        SalesforceError: the daily files could not be listed.
    """
    days = _list_whole_days(since, until)
    totals = {key: comparison for key, comparison in hourly_totals.items() if key[1] in days}
    files_by_key: dict[tuple[str, date], list[_DailyFile]] = {}
    for file in _query_daily_files(context, days):
        if is_collected(file.event_type):
            files_by_key.setdefault((file.event_type, file.day), []).append(file)
    for key in sorted({*totals, *files_by_key}, key=lambda key: (key[1], key[0])):
        comparison = totals.get(key) or HourlyDailyComparison(
            org=context.org, event_type=key[0], day=key[1]
        )
        files = files_by_key.get(key, [])
        yield _compare_day(context, comparison, files, counts=is_counted(key[0]))


@dataclass(frozen=True, slots=True, kw_only=True)
class _DailyFile:
    event_type: str
    day: date
    bytes: int
    path: str


def _list_whole_days(since: datetime, until: datetime) -> list[date]:
    midnight = datetime.combine(since.date(), time(), UTC)
    first = midnight if midnight == since else midnight + DAY
    return [(first + number * DAY).date() for number in range(max(0, (until - first) // DAY))]


def _query_daily_files(context: SourceContext, days: list[date]) -> list[_DailyFile]:
    if not days:
        return []
    first = datetime.combine(days[0], time(), UTC)
    soql = (
        "SELECT EventType, LogDate, LogFileLength, LogFile FROM EventLogFile"
        f" WHERE Sequence = 0 AND LogDate >= {render_literal(first)}"
        f" AND LogDate < {render_literal(first + len(days) * DAY)}"
    )
    try:
        return [
            _DailyFile(
                event_type=str(record["EventType"]),
                day=parse_datetime(record["LogDate"]).date(),
                bytes=int(record["LogFileLength"]),
                path=str(record["LogFile"]),
            )
            for page in context.client.query(soql)
            for record in page
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise SalesforceError(f"an EventLogFile record cannot be read: {error!r:.100}") from error


def _compare_day(
    context: SourceContext,
    comparison: HourlyDailyComparison,
    files: list[_DailyFile],
    *,
    counts: bool,
) -> HourlyDailyComparison:
    if not files:
        return comparison
    compared = replace(
        comparison, daily_files=len(files), daily_bytes=sum(file.bytes for file in files)
    )
    if not counts:
        return compared
    try:
        return replace(
            compared, daily_rows=sum(_count_file_events(context, file) for file in files)
        )
    except CollectorError as error:
        return replace(compared, trouble=str(error))


def _count_file_events(context: SourceContext, file: _DailyFile) -> int:
    """How many events are in a file, as the archive would count them."""
    segments = context.client.download_log(file.path, context.spool, "daily", expected_length=None)
    try:
        return _count_events(segments)
    finally:
        for path in segments.paths:
            path.unlink(missing_ok=True)


def _count_events(segments: CsvSegments) -> int:
    connection = engine.open_engine()
    try:
        return sum(
            _count_segment_events(
                connection, normalize.build_segment_relation(path, segments.columns).sql, segments
            )
            for path in segments.paths
        )
    except duckdb.Error as error:
        raise CorruptDownloadError(f"it cannot be read: {str(error).splitlines()[0]}") from None
    finally:
        connection.close()


def _count_segment_events(
    connection: duckdb.DuckDBPyConnection, relation: str, segments: CsvSegments
) -> int:
    names = ", ".join(f"c{number}" for number in range(len(segments.columns)))
    where = ""
    if "EVENT_TYPE" in segments.columns:
        column = f"c{segments.columns.index('EVENT_TYPE')}"
        where = f" WHERE {column} IS DISTINCT FROM 'EVENT_TYPE'"
    query = f"SELECT count(*) FROM {relation} AS native({names}){where}"
    (number,) = connection.execute(query).fetchall()[0]
    return int(number)
