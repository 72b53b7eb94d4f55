"""EventLogFile: the CSV files that Salesforce makes every hour or every day.

Daily and hourly files are copies of the same events: exactly one of the two is read, and a query
always states which, since without Interval or Sequence Salesforce answers daily files alone.
Source: REST API Developer Guide, "Event Monitoring"; Object Reference, EventLogFile.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from collector.clock import EPOCH
from collector.errors import CorruptDownload, NotAvailable, SalesforceError, Unreachable
from collector.model import Batch, Cursor, Stream
from collector.salesforce.soql import literal, parse_datetime
from collector.settings import EventLogFileSource
from collector.sources.contract import (
    Context,
    Fetched,
    Gone,
    Trouble,
    Unavailable,
    batch_key,
)
from collector.text import is_file_name

KIND = "event_log_file"
HOURLY, DAILY = "hourly", "daily"

RELIST = timedelta(hours=1)
"""How far before the cursor files are listed again: several share one CreatedDate, and one may
become visible after another that is younger. The ledger knows those that were taken in."""

_FIELDS = ("Id", "EventType", "LogDate", "CreatedDate", "LogFileLength", "Sequence", "LogFile")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFile:
    """One listed file. `event_type` is the file's EventType, not the text inside its rows."""

    id: str
    event_type: str
    log_date: datetime
    created: datetime
    length: int
    sequence: int
    path: str


class EventLogFile:
    """Either the hourly or the daily files, as one stream of that name."""

    kind = KIND

    def __init__(self, settings: EventLogFileSource) -> None:
        self.every = settings.every
        self._settings = settings

    def streams(self, context: Context) -> Sequence[Stream | Unavailable]:
        """The one stream: `hourly` where the org has such files, else `daily`."""
        try:
            fields = {field.name for field in context.catalog.describe("EventLogFile")}
        except NotAvailable:
            reason = (
                "the org does not show EventLogFile to this user: it needs the permissions"
                " 'View Event Log Files' and 'API Enabled'"
            )
            return [Unavailable(stream=_stream(context, "*"), reason=reason)]
        return [_stream(context, self._interval(context, fields))]

    def fetch(self, context: Context, stream: Stream, cursor: Cursor | None) -> Iterator[Fetched]:
        """The files created since the cursor, oldest first.

        A file that cannot be had now is Trouble: the later ones are still read, but the cursor
        stays before it, so that it is tried again.
        """
        blocked = False
        for file in self._new_files(context, stream, cursor):
            fetched = _download(context, stream, file)
            if isinstance(fetched, Trouble):
                blocked = True
            elif isinstance(fetched, Batch) and blocked:
                fetched = replace(fetched, cursor=None)
            elif isinstance(fetched, Gone) and blocked:
                fetched = replace(fetched, batch=replace(fetched.batch, cursor=None))
            yield fetched

    def _interval(self, context: Context, fields: set[str]) -> str:
        if self._settings.interval != "auto":
            return self._settings.interval
        # Orgs without the hourly entitlement do not even have the field.
        if "Interval" not in fields:
            return DAILY
        probe = "SELECT Id FROM EventLogFile WHERE Interval = 'Hourly' LIMIT 1"
        return HOURLY if any(page for page in context.client.query(probe)) else DAILY

    def _new_files(self, context: Context, stream: Stream, cursor: Cursor | None) -> list[LogFile]:
        now = context.client.now()
        since = cursor.time - RELIST if cursor else now - self._settings.lookback
        until = min(now - self._settings.settle, context.horizon())
        listed = [
            _log_file(record)
            for page in context.client.query(_listing(stream.name, since, until))
            for record in page
        ]
        floor = _handover(context, stream)
        wanted = [file for file in listed if self._wanted(file) and file.log_date >= floor]
        known = context.known([_key(context, file) for file in wanted])
        new = [file for file in wanted if _key(context, file) not in known]
        batches = [_batch(context, stream, file) for file in new]
        context.listed(stream, batches, since=since, until=until)
        return sorted(new, key=lambda file: (file.created, file.id))

    def _wanted(self, file: LogFile) -> bool:
        return is_file_name(file.event_type) and any(
            fnmatchcase(file.event_type, glob) for glob in self._settings.event_types
        )


def _stream(context: Context, name: str) -> Stream:
    return Stream(org=context.org, source=KIND, name=name)


def _listing(interval: str, since: datetime, until: datetime) -> str:
    kind = "Interval = 'Hourly' AND Sequence >= 1" if interval == HOURLY else "Sequence = 0"
    return (
        f"SELECT {', '.join(_FIELDS)} FROM EventLogFile WHERE {kind}"
        f" AND CreatedDate >= {literal(since)} AND CreatedDate <= {literal(until)}"
        " ORDER BY CreatedDate ASC, Id ASC"
    )


def _handover(context: Context, stream: Stream) -> datetime:
    """The first LogDate that is ours when the org changed between daily and hourly files.

    The change is made where a UTC day begins, after the last day that the other kind has told of.
    """
    other = DAILY if stream.name == HOURLY else HOURLY
    newest = context.newest(replace(stream, name=other))
    if newest is None:
        return EPOCH
    day = newest.replace(hour=0, minute=0, second=0, microsecond=0)
    return day + timedelta(days=1)


def _log_file(record: Mapping[str, Any]) -> LogFile:
    try:
        return _parsed(record)
    except (KeyError, TypeError, ValueError) as error:
        raise SalesforceError(f"an EventLogFile record cannot be read: {error!r:.100}") from error


def _parsed(record: Mapping[str, Any]) -> LogFile:
    return LogFile(
        id=str(record["Id"]),
        event_type=str(record["EventType"]),
        log_date=parse_datetime(record["LogDate"]),
        created=parse_datetime(record["CreatedDate"]),
        length=int(record["LogFileLength"]),
        sequence=int(record["Sequence"]),
        path=str(record["LogFile"]),
    )


def _download(context: Context, stream: Stream, file: LogFile) -> Fetched:
    try:
        segments = context.client.download(
            file.path,
            context.spool,
            _key(context, file),
            expected_length=file.length,
        )
    except NotAvailable:
        return Gone(
            batch=_batch(context, stream, file),
            reason="the file was listed and has been deleted since (retention or a user)",
        )
    except (CorruptDownload, Unreachable) as error:
        reason = f"{file.event_type} {file.id}: {error}"
        return Trouble(reason=reason, key=_key(context, file))
    return replace(_batch(context, stream, file), segments=segments.paths, columns=segments.columns)


def _batch(context: Context, stream: Stream, file: LogFile) -> Batch:
    return Batch(
        key=_key(context, file),
        stream=stream,
        event_type=file.event_type,
        nominal=file.log_date,
        received=context.client.now(),
        segments=(),
        columns=(),
        record_prefix=file.id,
        dedupe=False,
        cursor=Cursor(time=file.created, tie=file.id),
        facts={
            "file": file.id,
            "log_date": file.log_date.isoformat(),
            "created_date": file.created.isoformat(),
            "interval": stream.name,
            "sequence": file.sequence,
            "bytes": file.length,
        },
    )


def _key(context: Context, file: LogFile) -> str:
    return batch_key(context.org, KIND, file.id)
