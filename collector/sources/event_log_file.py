"""EventLogFile: the CSV files that Salesforce makes every hour or every day.

Daily and hourly files are copies of the same events: exactly one of the two is read, and a query
always states which, since without Interval or Sequence Salesforce answers daily files alone.
Source: REST API Developer Guide, "Event Monitoring"; Object Reference, EventLogFile.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from collector.errors import NotAvailable, Unreachable
from collector.model import Cursor, Stream
from collector.salesforce.soql import literal
from collector.settings import EventLogFileSource
from collector.sources import downloads, log_file
from collector.sources.contract import Context, Fetched, Trouble, Unavailable, present
from collector.sources.log_file import KIND, LogFile

HOURLY, DAILY = "hourly", "daily"
LISTED = "EventLogFile"

RELIST = timedelta(hours=1)
"""How far before the cursor files are listed again: several share one CreatedDate, and one may
become visible after another that is younger. The ledger knows those that were taken in."""

UNREACHABLE_FILES = 3
"""So many in a row are the org's trouble, not theirs: waiting for each of them helps nobody."""


class EventLogFile:
    """Either the hourly or the daily files, as one stream of that name."""

    kind = KIND

    def __init__(self, settings: EventLogFileSource) -> None:
        self.every = settings.every
        self._settings = settings

    def streams(self, context: Context) -> Sequence[Stream | Unavailable]:
        """The one stream: `hourly` where the org has such files, else `daily`."""
        try:
            fields = {field.name for field in context.catalog.describe(LISTED)}
        except NotAvailable:
            reason = (
                "the org does not show EventLogFile to this user: it needs the permissions"
                " 'View Event Log Files' and 'API Enabled'"
            )
            return [Unavailable(stream=_stream(context, "*"), reason=reason)]
        # Orgs without the hourly entitlement do not even have the field.
        if "Interval" in fields:
            return [_stream(context, self._interval(context))]
        if self._settings.interval != HOURLY:
            return [_stream(context, DAILY)]
        reason = (
            "the org has no hourly files for this user: they need the Event Monitoring add-on;"
            " `interval: auto` reads the daily ones"
        )
        return [Unavailable(stream=_stream(context, HOURLY), reason=reason)]

    def fetch(self, context: Context, stream: Stream, cursor: Cursor | None) -> Iterator[Fetched]:
        """The files created since the cursor, oldest first.

        A file that cannot be had now is Trouble: the later ones are still read.
        """
        troubles, files = self._listed(context, stream, cursor)
        yield from troubles
        if cursor is None and files:
            # However often the first one fails, it does not grow too old to be looked for.
            begins = Cursor(time=files[0].created)
            yield replace(log_file.batch(context, stream, files[0]), cursor=begins)
        unreachable = 0
        for file, download in downloads.ahead(files, partial(log_file.fetch, context, stream)):
            try:
                fetched = download.result()
                unreachable = 0
            except Unreachable as error:
                unreachable += 1
                if unreachable == UNREACHABLE_FILES:
                    raise
                fetched = log_file.failed(context, file, error)
            yield fetched

    def _interval(self, context: Context) -> str:
        if self._settings.interval != "auto":
            return self._settings.interval
        probe = "SELECT Id FROM EventLogFile WHERE Interval = 'Hourly'"
        begins = _handover(context, _stream(context, HOURLY))
        newest = context.newest(_stream(context, HOURLY))
        if begins and (newest is None or newest < begins):
            # Before the change, hourly files must have been made since that day began.
            probe += f" AND LogDate < {literal(begins)}"
        return HOURLY if any(_query(context, f"{probe} LIMIT 1")) else DAILY

    def _listed(
        self, context: Context, stream: Stream, cursor: Cursor | None
    ) -> tuple[list[Trouble], list[LogFile]]:
        """The settled files that are wanted and new; and those of which nobody can say more."""
        now = present(context, cursor)
        begins = _handover(context, stream)
        since = cursor.time - RELIST if cursor else begins or now - self._settings.lookback
        listed = [
            log_file.parse(record) for record in _query(context, _listing(stream.name, since))
        ]
        # The answer has told the org's time: what is younger is still settling.
        until = context.horizon(context.client.now() - self._settings.settle)
        wanted = [
            file
            for file in listed
            if isinstance(file, LogFile)
            and file.created <= until
            and (begins is None or file.log_date >= begins)
            and self._is_wanted(file)
        ]
        new = log_file.new(context, wanted)
        batches = [log_file.batch(context, stream, file) for file in new]
        context.listed(stream, batches, since=since, until=until)
        return [entry for entry in listed if isinstance(entry, Trouble)], new

    def _is_wanted(self, file: LogFile) -> bool:
        return any(fnmatchcase(file.event_type, glob) for glob in self._settings.event_types)


def _stream(context: Context, name: str) -> Stream:
    return Stream(org=context.org, source=KIND, name=name)


def _query(context: Context, soql: str) -> list[dict[str, Any]]:
    try:
        return [record for page in context.client.query(soql) for record in page]
    except NotAvailable:
        context.catalog.forget(LISTED)
        raise


def _listing(interval: str, since: datetime) -> str:
    kind = "Interval = 'Hourly' AND Sequence >= 1" if interval == HOURLY else "Sequence = 0"
    return (
        f"SELECT {', '.join(log_file.FIELDS)} FROM EventLogFile WHERE {kind}"
        f" AND CreatedDate >= {literal(since)} ORDER BY CreatedDate ASC, Id ASC"
    )


def _handover(context: Context, stream: Stream) -> datetime | None:
    """The first LogDate that is ours when the org changed between daily and hourly files.

    The change is made where a UTC day begins: with the first day of which the other kind has not
    told the end. Rather is the beginning of such a day read twice than its end never.
    """
    other, length = HOURLY, timedelta(hours=1)
    if stream.name == HOURLY:
        other, length = DAILY, timedelta(days=1)
    newest = context.newest(replace(stream, name=other))
    if newest is None:
        return None
    return (newest + length).replace(hour=0, minute=0, second=0, microsecond=0)
