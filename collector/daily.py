"""Holds the hourly files of a day against its daily ones, which tell of the same events.

Daily files are never ingested. Listing them costs a call, counting their rows one call a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

import duckdb

from collector import engine, normalize
from collector.errors import CollectorError, CorruptDownload, SalesforceError
from collector.salesforce.soql import literal, parse_datetime
from collector.segments import Segments
from collector.sources import Context
from collector.store.account import Item
from collector.store.ledger import QUARANTINED, STORED

DAY = timedelta(days=1)

LATE = timedelta(days=3)
"""So long after its end an hour may still get supplements."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Twins:
    """A day of an event type as its hourly files and as its daily files tell it.

    `hourly_rows` are events in the archive. `daily_rows` is None where they were not counted,
    `daily_bytes` where there is no daily file. `trouble` says why they could not be counted.
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

    def is_short(self, now: datetime) -> bool:
        """Whether the daily file has what the hourly ones can hardly bring any more."""
        if datetime.combine(self.day, time(), UTC) + DAY + LATE > now:
            return False
        counted = self.daily_rows is not None and self.hourly_rows < self.daily_rows
        return bool(self.daily_files) and (counted or not self.hourly_files)


Wanted = Callable[[str], bool]
"""Whether an event type is meant."""


def hourly(items: Iterable[Item]) -> dict[tuple[str, date], Twins]:
    """The hourly files that were taken in, by event type and day."""
    found: dict[tuple[str, date], Twins] = {}
    for item in items:
        if not item.facts.get("sequence") or item.state not in (STORED, QUARANTINED):
            continue
        key = item.event_type, item.nominal.date()
        before = found.get(key) or Twins(org=item.stream.org, event_type=key[0], day=key[1])
        found[key] = replace(
            before,
            hourly_files=before.hourly_files + 1,
            hourly_rows=before.hourly_rows + item.rows,
            hourly_bytes=before.hourly_bytes + int(item.facts.get("bytes", 0)),
        )
    return found


def compare(
    context: Context,
    mine: Mapping[tuple[str, date], Twins],
    *,
    since: datetime,
    until: datetime,
    collected: Wanted,
    counted: Wanted,
) -> Iterator[Twins]:
    """Every event type on every whole UTC day between two times.

    Args:
        context: the org, and a folder to put files in for a moment.
        mine: what `hourly` gives for that time.
        since: the first whole day begins here or later.
        until: the last one ends here or earlier.
        collected: the types that are collected at all.
        counted: those of which the daily files are downloaded and their rows counted.

    Raises:
        SalesforceError: the daily files could not be listed.
    """
    days = _whole_days(since, until)
    found = {key: twins for key, twins in mine.items() if key[1] in days}
    files: dict[tuple[str, date], list[_Daily]] = {}
    for file in _listed(context, days):
        if collected(file.event_type):
            files.setdefault((file.event_type, file.day), []).append(file)
    for key in sorted({*found, *files}, key=lambda key: (key[1], key[0])):
        twins = found.get(key) or Twins(org=context.org, event_type=key[0], day=key[1])
        yield _compared(context, twins, files.get(key, []), counts=counted(key[0]))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Daily:
    event_type: str
    day: date
    bytes: int
    path: str


def _whole_days(since: datetime, until: datetime) -> list[date]:
    midnight = datetime.combine(since.date(), time(), UTC)
    first = midnight if midnight == since else midnight + DAY
    return [(first + number * DAY).date() for number in range(max(0, (until - first) // DAY))]


def _listed(context: Context, days: list[date]) -> list[_Daily]:
    if not days:
        return []
    first = datetime.combine(days[0], time(), UTC)
    soql = (
        "SELECT EventType, LogDate, LogFileLength, LogFile FROM EventLogFile"
        f" WHERE Sequence = 0 AND LogDate >= {literal(first)}"
        f" AND LogDate < {literal(first + len(days) * DAY)}"
    )
    try:
        return [
            _Daily(
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


def _compared(context: Context, twins: Twins, files: list[_Daily], *, counts: bool) -> Twins:
    if not files:
        return twins
    told = replace(twins, daily_files=len(files), daily_bytes=sum(file.bytes for file in files))
    if not counts:
        return told
    try:
        return replace(told, daily_rows=sum(_rows(context, file) for file in files))
    except CollectorError as error:
        return replace(told, trouble=str(error))


def _rows(context: Context, file: _Daily) -> int:
    """How many events are in a file, as the archive would count them."""
    segments = context.client.download(file.path, context.spool, "daily", expected_length=None)
    try:
        return _counted(segments)
    finally:
        for path in segments.paths:
            path.unlink(missing_ok=True)


def _counted(segments: Segments) -> int:
    connection = engine.connect()
    try:
        return sum(
            _count(connection, normalize.segment_relation(path, segments.columns), segments)
            for path in segments.paths
        )
    except duckdb.Error as error:
        raise CorruptDownload(f"it cannot be read: {str(error).splitlines()[0]}") from None
    finally:
        connection.close()


def _count(connection: duckdb.DuckDBPyConnection, relation: str, segments: Segments) -> int:
    names = ", ".join(f"c{number}" for number in range(len(segments.columns)))
    where = ""
    if "EVENT_TYPE" in segments.columns:
        place = f"c{segments.columns.index('EVENT_TYPE')}"
        where = f" WHERE {place} IS DISTINCT FROM 'EVENT_TYPE'"
    query = f"SELECT count(*) FROM {relation} AS native({names}){where}"
    (number,) = connection.execute(query).fetchall()[0]
    return int(number)
