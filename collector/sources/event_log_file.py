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
from typing import Any

from collector.errors import NotAvailable, Unreachable
from collector.model import Cursor, Stream
from collector.salesforce.soql import literal
from collector.settings import EventLogFileSource
from collector.sources import log_file
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
        listed = self._listed(context, stream, cursor)
        yield from (entry for entry in listed if isinstance(entry, Trouble))
        files = log_file.new(context, [entry for entry in listed if isinstance(entry, LogFile)])
        if cursor is None and files:
            # However often the first one fails, it does not grow too old to be looked for.
            begins = Cursor(time=files[0].created)
            yield replace(log_file.batch(context, stream, files[0]), cursor=begins)
        unreachable = 0
        for file in files:
            try:
                fetched = log_file.fetch(context, stream, file)
                unreachable = 0
            except Unreachable as error:
                unreachable += 1
                if unreachable == UNREACHABLE_FILES:
                    raise
                fetched = Trouble(reason=f"{file}: {error}")
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
    ) -> list[LogFile | Trouble]:
        """The settled files that are wanted, and those of which nobody can say what they are."""
        now = present(context, cursor)
        begins = _handover(context, stream)
        since = cursor.time - RELIST if cursor else begins or now - self._settings.lookback
        listed = map(log_file.parse, _query(context, _listing(stream.name, since)))
        return [
            file
            for file in listed
            if isinstance(file, Trouble)
            or (self._is_wanted(context, file) and (begins is None or file.log_date >= begins))
        ]

    def _is_wanted(self, context: Context, file: LogFile) -> bool:
        is_settled = file.created <= context.client.now() - self._settings.settle
        globs = self._settings.event_types
        return is_settled and any(fnmatchcase(file.event_type, glob) for glob in globs)


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
