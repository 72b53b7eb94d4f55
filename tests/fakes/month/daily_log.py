"""The org's event log with one file of each type a day: hourly ones would take an hour to read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from collector.demo.event_log import render_csv_line, render_event
from collector.demo.event_log_columns import COLUMNS
from collector.demo.org_store import OrgLogFile
from collector.demo.salesforce_ids import IdGenerator

DAY = timedelta(days=1)
LATENCY = timedelta(hours=3)
"""From the end of a day to its files."""


class DailyLog:
    """To be used as the `EventLog` of a `ScenarioDay`.

    Its files are told as hourly ones, since a collector reads either kind.
    """

    def __init__(self, ids: IdGenerator, start: datetime) -> None:
        self._ids = ids
        self._start = start
        self._lines: dict[str, list[str]] = {}

    def add_event(self, event_type: str, at: datetime, values: Mapping[str, str]) -> None:
        """Log an event of the day; missing columns are empty, times and ids are filled in."""
        if not self._start <= at < self._start + DAY:
            return
        line = render_event(event_type, at, values, self._ids)
        self._lines.setdefault(event_type, []).append(line)

    def build_files(self) -> list[OrgLogFile]:
        """The files of the day."""
        return [
            OrgLogFile(
                id=self._ids.make_record_id("0AT"),
                event_type=event_type,
                log_date=self._start,
                created=self._start + DAY + LATENCY,
                sequence=1,
                content=(render_csv_line(list(COLUMNS[event_type])) + "".join(lines)).encode(),
            )
            for event_type, lines in sorted(self._lines.items())
        ]
