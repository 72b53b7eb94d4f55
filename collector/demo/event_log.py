"""Event log files: rows by type and hour, written as files with supplements."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from collector.demo.event_log_columns import COLUMNS
from collector.demo.oauth import ORGANIZATION_ID
from collector.demo.org_store import OrgLogFile
from collector.demo.salesforce_ids import IdGenerator

HOUR = timedelta(hours=1)
FILE_LATENCY = timedelta(hours=3)
"""The least time from the end of an hour to its file."""
SUPPLEMENT_SEQUENCE = 2
"""The Sequence of a later file of an hour; its last line lacks the line end, as some do."""
SUPPLEMENT_LATENCY = timedelta(hours=1, minutes=40)
_NO_SEPARATORS = str.maketrans("", "", "-T:")
_DELAYS = (timedelta(minutes=4), timedelta(minutes=11, seconds=7), timedelta(minutes=19))
DAILY_TYPES = ("Login", "Logout", "ApiTotalUsage")
SUPPLEMENTED_TYPES = ("Login", "RestApi")


def floor_hour(moment: datetime) -> datetime:
    """The start of the hour."""
    return moment.replace(minute=0, second=0, microsecond=0)


class EventLog:
    """The org's log from `start` on, of the hours whose files appear by `end`."""

    def __init__(self, ids: IdGenerator, *, start: datetime, end: datetime) -> None:
        self._ids = ids
        self._start = start
        self._end = end
        self._until = floor_hour(end - FILE_LATENCY - timedelta(minutes=30))
        self._rows: dict[tuple[str, datetime], list[str]] = {}

    def add_event(self, event_type: str, at: datetime, values: Mapping[str, str]) -> None:
        """Log an event; missing columns are empty, times and ids are filled in."""
        if not self._start <= at < self._until:
            return
        line = render_event(event_type, at, values, self._ids)
        self._rows.setdefault((event_type, floor_hour(at)), []).append(line)

    def count_events(self) -> dict[str, int]:
        """The number of events by type."""
        counts: dict[str, int] = {}
        for (event_type, _), lines in self._rows.items():
            counts[event_type] = counts.get(event_type, 0) + len(lines)
        return dict(sorted(counts.items()))

    def build_files(self, rng: random.Random) -> list[OrgLogFile]:
        """Hourly files with their supplements, and daily files of DAILY_TYPES."""
        supplemented = self._pick_supplemented_hours()
        files = []
        for (event_type, hour), lines in sorted(self._rows.items()):
            delay = _DELAYS[len(event_type) % len(_DELAYS)]
            created = hour + HOUR + FILE_LATENCY + delay
            late: list[str] = []
            if event_type in SUPPLEMENTED_TYPES and hour in supplemented:
                rng.shuffle(lines)
                late = lines[: len(lines) // 10]
            early = lines[len(late) :]
            files.append(self._build_file(event_type, hour, created, 1, early))
            if late:
                created += SUPPLEMENT_LATENCY
                files.append(self._build_file(event_type, hour, created, SUPPLEMENT_SEQUENCE, late))
        return [*files, *self._build_daily_files()]

    def _pick_supplemented_hours(self) -> list[datetime]:
        latest = self._end - 2 * HOUR - FILE_LATENCY - SUPPLEMENT_LATENCY
        hours = {hour for event_type, hour in self._rows if event_type in SUPPLEMENTED_TYPES}
        return sorted(hour for hour in hours if hour < latest)[4::5]

    def _build_daily_files(self) -> Iterator[OrgLogFile]:
        midnight = self._end.replace(hour=0, minute=0, second=0, microsecond=0)
        day = midnight - 24 * HOUR
        created = min(midnight + 4 * HOUR + _DELAYS[0], self._end - timedelta(minutes=10))
        created = created.replace(microsecond=0)
        for event_type in DAILY_TYPES:
            hours = [key for key in self._rows if key[0] == event_type and key[1] < midnight]
            lines = [line for key in sorted(hours) for line in self._rows[key]]
            if lines:
                yield self._build_file(event_type, day, created, 0, lines)

    def _build_file(
        self,
        event_type: str,
        log_date: datetime,
        created: datetime,
        sequence: int,
        lines: list[str],
    ) -> OrgLogFile:
        text = render_csv_line(list(COLUMNS[event_type])) + "".join(lines)
        return OrgLogFile(
            id=self._ids.make_record_id("0AT"),
            event_type=event_type,
            log_date=log_date,
            created=created,
            sequence=sequence,
            content=(text.rstrip("\n") if sequence == SUPPLEMENT_SEQUENCE else text).encode(),
        )


def render_event(event_type: str, at: datetime, values: Mapping[str, str], ids: IdGenerator) -> str:
    """The line of an event; missing columns are empty, times and ids are filled in."""
    text = at.isoformat(timespec="milliseconds")[:23]
    columns = {
        "EVENT_TYPE": event_type,
        "TIMESTAMP": text.translate(_NO_SEPARATORS),
        "TIMESTAMP_DERIVED": text + "Z",
        "REQUEST_ID": ids.make_request_id(),
        "ORGANIZATION_ID": ORGANIZATION_ID[:15],
        **values,
    }
    return render_csv_line([columns.get(column, "") for column in COLUMNS[event_type]])


def render_csv_line(values: list[str]) -> str:
    """A line of an event log file: every field quoted, inner quotes doubled."""
    line = '"' + '","'.join(values) + '"\n'
    if line.count('"') == 2 * len(values):
        return line
    return '"' + '","'.join(value.replace('"', '""') for value in values) + '"\n'
