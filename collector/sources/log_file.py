"""One listed event log file: what its record says, and how it becomes a batch."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from collector.clock import EARLIEST_TIME, FUTURE_TOLERANCE
from collector.csv_segments import CsvSegments
from collector.errors import (
    CorruptDownloadError,
    LimitExceededError,
    LoginRefusedError,
    NotAvailableError,
    SalesforceError,
    SessionExpiredError,
    UnreachableError,
    WrongLengthError,
)
from collector.escaping import escape_terminal, is_file_name
from collector.logs import log
from collector.model import Batch, Cursor, FetchHistory, LogFileFacts, Stream
from collector.salesforce.soql import parse_datetime, render_literal
from collector.sources.contract import (
    FetchFailure,
    FetchResult,
    LostBatch,
    SourceContext,
    build_batch_key,
)

KIND = "event_log_file"
OBJECT_NAME = "EventLogFile"
UNKNOWN_INTERVAL = "*"
"""In place of the name of a stream: whether it was an hourly or a daily file, nobody knows."""

LISTING_FIELDS = (
    "Id",
    "EventType",
    "LogDate",
    "CreatedDate",
    "LogFileLength",
    "Sequence",
    "LogFile",
)

GROWTH_SPAN = timedelta(hours=1)
"""How long a file may still be being written. One that is older and came whole, but not as long as
was announced, is taken: what LogFileLength counts is not documented."""

MAX_FILE_AGE = timedelta(days=400)
"""No file is of a time that lies longer before its creation."""

_ID_PATTERN = re.compile(r"[A-Za-z0-9]{15,18}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedLogFile:
    """One listed file. `event_type` is the file's EventType, not the text inside its rows."""

    id: str
    event_type: str
    log_date: datetime
    created_date: datetime
    length: int
    sequence: int
    path: str

    def __str__(self) -> str:
        return f"{escape_terminal(self.event_type, 80)} {self.id}"


def select_new_files(context: SourceContext, files: Sequence[ListedLogFile]) -> list[ListedLogFile]:
    """Those that the ledger does not hold, in the order of the cursor."""
    by_key = {_build_file_key(context, file): file for file in files}
    stored_keys = context.find_stored_keys(list(by_key))
    new_files = (file for key, file in by_key.items() if key not in stored_keys)
    return sorted(new_files, key=lambda file: (file.created_date, file.id))


def parse_record(record: Mapping[str, Any], now: datetime) -> ListedLogFile | FetchFailure:
    """The file that a record of EventLogFile lists; `now` is the org's time."""
    try:
        return _build_log_file(record, now)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        return FetchFailure(reason=f"an EventLogFile record cannot be read: {error!r:.100}")


def build_record_loss(
    context: SourceContext, stream: Stream, record: Mapping[str, Any], failure: FetchFailure
) -> LostBatch:
    """The loss of a record that lists no file that could be asked for; the same each time."""
    content = json.dumps(record, sort_keys=True, default=str)
    event_type = str(record.get("EventType"))
    now = context.client.estimate_org_time()
    batch = Batch(
        key=build_batch_key(context.org, KIND, "record", content),
        stream=stream,
        event_type=event_type if is_file_name(event_type) else OBJECT_NAME,
        log_time=now,
        received=now,
        segments=(),
        columns=(),
        record_prefix="",
        dedupe=False,
        cursor=None,
    )
    return LostBatch(batch=batch, reason=failure.reason)


def _build_log_file(record: Mapping[str, Any], now: datetime) -> ListedLogFile:
    if not _ID_PATTERN.fullmatch(record["Id"]):
        raise ValueError("its Id is none")
    created_date = _read_created_date(record, now)
    return ListedLogFile(
        id=record["Id"],
        event_type=str(record["EventType"]),
        log_date=_read_log_date(record, created_date),
        created_date=created_date,
        length=int(record["LogFileLength"]),
        sequence=int(record["Sequence"]),
        path=str(record["LogFile"]),
    )


def _read_created_date(record: Mapping[str, Any], now: datetime) -> datetime:
    """When the file was made; the time that it is of, where its CreatedDate cannot be or be read.

    Raises ValueError where neither can be.
    """
    for name in ("CreatedDate", "LogDate"):
        with suppress(ValueError, TypeError):
            moment = parse_datetime(record[name])
            if EARLIEST_TIME <= moment <= now + FUTURE_TOLERANCE:
                return moment
        text = escape_terminal(str(record[name]), 40)
        log.warning("file_date_unusable", file=record["Id"], field=name, date=text)
    raise ValueError("neither its CreatedDate nor its LogDate can be")


def _read_log_date(record: Mapping[str, Any], created_date: datetime) -> datetime:
    """The time that the file is of; when it was made, where its LogDate cannot be or be read.

    A file is made for a time that has been, and kept for a year at most: what it says of itself
    matters less than what is in it.
    """
    text = str(record["LogDate"])
    try:
        log_date = parse_datetime(text)
    except ValueError:
        log.warning("log_date_unusable", file=record["Id"], log_date=escape_terminal(text, 40))
        return created_date
    if -FUTURE_TOLERANCE <= created_date - log_date <= MAX_FILE_AGE:
        return log_date
    log.warning("log_date_unusable", file=record["Id"], log_date=log_date.isoformat())
    return created_date


def fetch_file(context: SourceContext, stream: Stream, file: ListedLogFile) -> FetchResult:
    """The file, or why it cannot be had. Raises errors of the whole org, and UnreachableError."""
    batch = build_batch(context, stream, file)
    if not is_file_name(file.event_type):
        renamed = replace(batch, event_type=escape_terminal(file.event_type, 80))
        return LostBatch(batch=renamed, reason=f"{file}: that is no name of an event type")
    try:
        segments = _download_file(context, file)
    except NotAvailableError as error:
        return _resolve_missing_file(context, batch, file, error)
    except (LoginRefusedError, SessionExpiredError, LimitExceededError, UnreachableError):
        raise
    except (CorruptDownloadError, SalesforceError) as error:
        return build_failure(context, file, error)
    return replace(
        batch,
        received=context.client.estimate_org_time(),
        segments=segments.paths,
        columns=segments.columns,
        facts=_build_facts(stream, file, fetched_bytes=segments.size),
    )


def find_fetch_histories(
    context: SourceContext, files: Sequence[ListedLogFile]
) -> dict[str, FetchHistory]:
    """By file id, what was tried to fetch those of the files that could not be fetched."""
    ids = {_build_file_key(context, file): file.id for file in files}
    histories = context.find_fetch_histories(list(ids))
    return {ids[key]: history for key, history in histories.items()}


def build_failure(context: SourceContext, file: ListedLogFile, error: Exception) -> FetchFailure:
    """A file that could not be had now."""
    return FetchFailure(reason=f"{file}: {error}", key=_build_file_key(context, file))


def _download_file(context: SourceContext, file: ListedLogFile) -> CsvSegments:
    key = _build_file_key(context, file)
    try:
        return context.client.download_log(
            file.path, context.spool, key, expected_length=file.length
        )
    except WrongLengthError:
        if file.created_date > context.client.estimate_org_time() - GROWTH_SPAN:
            raise
    segments = context.client.download_log(file.path, context.spool, key, expected_length=None)
    log.warning("length_differs", file=file.id, announced=file.length, bytes=segments.size)
    return segments


def _resolve_missing_file(
    context: SourceContext, batch: Batch, file: ListedLogFile, error: NotAvailableError
) -> LostBatch | FetchFailure:
    """A file that was not found is gone only if the org does not list it any more either.

    Raises NotAvailableError where it is not the file that is missing, but a permission.
    """
    if error.code != "NOT_FOUND":
        raise error
    pages = context.client.query(
        f"SELECT Id FROM EventLogFile WHERE Id = {render_literal(file.id)}"
    )
    if any(pages):
        return build_failure(context, file, error)
    return LostBatch(
        batch=batch, reason=f"{file} was listed and has been deleted since (retention or a user)"
    )


def build_batch(context: SourceContext, stream: Stream, file: ListedLogFile) -> Batch:
    """The file's batch, without what is in it."""
    return Batch(
        key=_build_file_key(context, file),
        stream=stream,
        event_type=file.event_type,
        log_time=file.log_date,
        received=context.client.estimate_org_time(),
        segments=(),
        columns=(),
        record_prefix=file.id,
        dedupe=False,
        cursor=Cursor(time=file.created_date, tiebreaker=file.id),
        facts=_build_facts(stream, file),
    )


def _build_facts(
    stream: Stream, file: ListedLogFile, *, fetched_bytes: int | None = None
) -> LogFileFacts:
    return LogFileFacts(
        file_id=file.id,
        log_date=file.log_date,
        created_date=file.created_date,
        interval=stream.name,
        sequence=file.sequence,
        announced_bytes=file.length,
        bytes=fetched_bytes,
    )


def _build_file_key(context: SourceContext, file: ListedLogFile) -> str:
    return build_batch_key(context.org, KIND, file.id)


def fetch_file_again(
    context: SourceContext, stream: Stream, facts: LogFileFacts
) -> Iterator[FetchResult]:
    """A file that was fetched before, once more; nothing where the org lists it no more."""
    soql = (
        f"SELECT {', '.join(LISTING_FIELDS)} FROM EventLogFile"
        f" WHERE Id = {render_literal(facts.file_id)} AND Sequence = {int(facts.sequence)}"
    )
    for page in context.client.query(soql):
        for record in page:
            file = parse_record(record, context.client.estimate_org_time())
            yield file if isinstance(file, FetchFailure) else fetch_file(context, stream, file)
