"""One listed event log file: what its record says, and how it becomes a batch."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from collector.errors import (
    CorruptDownload,
    LimitExceeded,
    LoginRefused,
    NotAvailable,
    SalesforceError,
    SessionExpired,
    Unreachable,
)
from collector.model import Batch, Cursor, Stream
from collector.observe import log
from collector.salesforce.soql import literal, parse_datetime
from collector.segments import Segments
from collector.sources.contract import Context, Fetched, Gone, Trouble, batch_key
from collector.text import is_file_name, terminal

KIND = "event_log_file"
FIELDS = ("Id", "EventType", "LogDate", "CreatedDate", "LogFileLength", "Sequence", "LogFile")

MAY_GROW = timedelta(hours=1)
"""How long a file may still be being written. One that is older and came whole, but not as long as
was announced, is taken: nobody promises what LogFileLength counts."""

_ID = re.compile(r"[A-Za-z0-9]{15,18}")


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

    def __str__(self) -> str:
        return f"{terminal(self.event_type, 80)} {self.id}"


def new(context: Context, files: Sequence[LogFile]) -> list[LogFile]:
    """Those that the ledger does not hold, in the order of the cursor."""
    by_key = {_key(context, file): file for file in files}
    known = context.known(list(by_key))
    unknown = (file for key, file in by_key.items() if key not in known)
    return sorted(unknown, key=lambda file: (file.created, file.id))


def parse(record: Mapping[str, Any]) -> LogFile | Trouble:
    """The file that a record of EventLogFile lists."""
    try:
        return _parsed(record)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        return Trouble(reason=f"an EventLogFile record cannot be read: {error!r:.100}")


def _parsed(record: Mapping[str, Any]) -> LogFile:
    if not _ID.fullmatch(record["Id"]):
        raise ValueError("its Id is none")
    return LogFile(
        id=record["Id"],
        event_type=str(record["EventType"]),
        log_date=parse_datetime(record["LogDate"]),
        created=parse_datetime(record["CreatedDate"]),
        length=int(record["LogFileLength"]),
        sequence=int(record["Sequence"]),
        path=str(record["LogFile"]),
    )


def fetch(context: Context, stream: Stream, file: LogFile) -> Fetched:
    """The file, or why it cannot be had. Raises Unreachable, or what is the whole org's trouble."""
    found = batch(context, stream, file)
    if not is_file_name(file.event_type):
        unusual = replace(found, event_type=terminal(file.event_type, 80))
        return Gone(batch=unusual, reason=f"{file}: that is no name of an event type")
    try:
        segments = _download(context, file)
    except NotAvailable as error:
        return _missing(context, found, file, error)
    except (LoginRefused, SessionExpired, LimitExceeded, Unreachable):
        raise
    except (CorruptDownload, SalesforceError) as error:
        return failed(context, file, error)
    return replace(
        found,
        received=context.client.now(),
        segments=segments.paths,
        columns=segments.columns,
        facts={**found.facts, "bytes": segments.size},
    )


def failed(context: Context, file: LogFile, error: Exception) -> Trouble:
    """A file that could not be had now."""
    return Trouble(reason=f"{file}: {error}", key=_key(context, file))


def _download(context: Context, file: LogFile) -> Segments:
    key = _key(context, file)
    try:
        return context.client.download(file.path, context.spool, key, expected_length=file.length)
    except CorruptDownload:
        if file.created > context.client.now() - MAY_GROW:
            raise
    segments = context.client.download(file.path, context.spool, key, expected_length=None)
    log.warning("length_differs", file=file.id, announced=file.length, bytes=segments.size)
    return segments


def _missing(context: Context, found: Batch, file: LogFile, error: NotAvailable) -> Gone | Trouble:
    """A file that was not found is gone only if the org does not list it any more either.

    Raises NotAvailable where it is not the file that is missing, but a permission.
    """
    if error.code != "NOT_FOUND":
        raise error
    listed = context.client.query(f"SELECT Id FROM EventLogFile WHERE Id = {literal(file.id)}")
    if any(listed):
        return failed(context, file, error)
    return Gone(
        batch=found,
        reason=f"{file} was listed and has been deleted since (retention or a user)",
    )


def batch(context: Context, stream: Stream, file: LogFile) -> Batch:
    """The file's batch, without what is in it."""
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
            "announced_bytes": file.length,
        },
    )


def _key(context: Context, file: LogFile) -> str:
    return batch_key(context.org, KIND, file.id)
