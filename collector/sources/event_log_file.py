"""EventLogFile: the CSV files that Salesforce makes every hour or every day.

Daily and hourly files are copies of the same events: exactly one of the two is read, and a query
always states which, since without Interval or Sequence Salesforce answers daily files alone.
Source: REST API Developer Guide, "Event Monitoring"; Object Reference, EventLogFile.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import Field

from collector import clock
from collector.errors import NotAvailableError, UnreachableError
from collector.model import Cursor, EventFamily, Stream
from collector.salesforce.call_counter import DOWNLOADS, assign_activity
from collector.salesforce.soql import render_literal
from collector.settings import SourceSettings
from collector.settings.values import Duration, Period, TypePattern, matches_any
from collector.sources import log_file, parallel_downloads
from collector.sources.contract import (
    FetchFailure,
    FetchResult,
    LostBatch,
    SourceContext,
    UnavailableStream,
    resolve_present_time,
)
from collector.sources.download_plan import DownloadPlan, DownloadQueue, plan_downloads
from collector.sources.log_file import KIND, OBJECT_NAME, ListedLogFile
from collector.sources.spec import Lane, ProbeResult, SourceSpec, SuppliedTypes

HOURLY, DAILY = "hourly", "daily"
LICENCE = "Shield or the Event Monitoring add-on"
PERMISSION = "View Event Log Files"

UNLICENSED_TYPES = frozenset(
    {
        "ApexUnexpectedException",
        "ApiTotalUsage",
        "CSPViolation",
        "CorsViolation",
        "HostnameRedirects",
        "InsecureExternalAssets",
        "Login",
        "Logout",
    }
)
"""Event log files that every org has, if only daily ones."""

RELIST_SPAN = timedelta(hours=1)
"""How far before the cursor files are listed again: several share one CreatedDate, and one may
become visible after another that is younger. The ledger has those that were ingested."""

RECENT_SPAN = timedelta(days=2)
"""In this time an org that makes files makes at least one, also a daily one."""

MAX_UNREACHABLE_FILES = 3
"""After so many in a row the org is unreachable, not its files: the fetch ends."""


class EventLogFileSettings(SourceSettings):
    """EventLogFile. A file is fetched `settle` after it was created, none older than `lookback`."""

    every: Period = timedelta(minutes=10)
    interval: Literal["auto", "hourly", "daily"] = "auto"
    event_types: Annotated[tuple[TypePattern, ...], Field(min_length=1)] = ("*",)
    settle: Duration = timedelta(minutes=5)
    lookback: Duration = timedelta(hours=24)

    def list_type_patterns(self) -> Mapping[str, tuple[str, ...]]:
        """The event types of files."""
        return {"event_types": self.event_types}


class EventLogFileReader:
    """Either the hourly or the daily files, as one stream of that name."""

    def __init__(self, settings: EventLogFileSettings) -> None:
        self._settings = settings

    def list_streams(self, context: SourceContext) -> Sequence[Stream | UnavailableStream]:
        """The one stream: `hourly` where the org has such files, else `daily`."""
        try:
            fields = {field.name for field in context.catalog.describe_object(OBJECT_NAME)}
        except NotAvailableError:
            reason = (
                "the org does not show EventLogFile to this user: it needs the permissions"
                f" '{PERMISSION}' and 'API Enabled'"
            )
            return [UnavailableStream(stream=_build_stream(context, "*"), reason=reason)]
        # Orgs without the hourly entitlement do not even have the field.
        if "Interval" in fields:
            return [_build_stream(context, self._choose_interval(context))]
        if self._settings.interval != HOURLY:
            return [_build_stream(context, DAILY)]
        reason = (
            "the org has no hourly files for this user: they need the Event Monitoring add-on;"
            " `interval: auto` reads the daily ones"
        )
        return [UnavailableStream(stream=_build_stream(context, HOURLY), reason=reason)]

    def fetch(
        self, context: SourceContext, stream: Stream, cursor: Cursor | None
    ) -> Iterator[FetchResult]:
        """The files created since the cursor, oldest first; those that failed before come last.

        No file moves the cursor past one that is yet to come. A file that cannot be had now is
        a FetchFailure: the later ones are still read. So is one that has failed so often that it
        waits. Raises BudgetExhaustedError after the last one that may be downloaded now.
        """
        losses, plan = self._list_new_files(context, stream, cursor)
        yield from losses
        if cursor is None and plan.oldest is not None:
            # However often the first one fails, it does not grow too old to be looked for.
            first_cursor = Cursor(time=plan.oldest.created_date)
            yield replace(log_file.build_batch(context, stream, plan.oldest), cursor=first_cursor)
        unreachable_count = 0
        queue = DownloadQueue(context, plan.due)
        for file, download in parallel_downloads.prefetch_files(
            queue, partial(_download_file, context, stream)
        ):
            try:
                result = download.result()
                unreachable_count = 0
            except UnreachableError as error:
                unreachable_count += 1
                if unreachable_count == MAX_UNREACHABLE_FILES:
                    raise
                result = log_file.build_failure(context, file, error)
            yield _hold_cursor(result) if file.id in plan.early_ids else result
        yield from plan.waiting
        queue.check_end()

    def _choose_interval(self, context: SourceContext) -> str:
        if self._settings.interval != "auto":
            return self._settings.interval
        soql = "SELECT Id FROM EventLogFile WHERE Interval = 'Hourly'"
        handover = _find_handover(context, _build_stream(context, HOURLY))
        newest = context.find_newest_time(_build_stream(context, HOURLY))
        if handover and (newest is None or newest < handover):
            # Before the change, hourly files must have been made since that day began.
            soql += f" AND LogDate < {render_literal(handover)}"
        return HOURLY if any(_query_records(context, f"{soql} LIMIT 1")) else DAILY

    def _list_new_files(
        self, context: SourceContext, stream: Stream, cursor: Cursor | None
    ) -> tuple[list[LostBatch], DownloadPlan]:
        """The new records that list no file, and a plan for the settled files that are new."""
        now = resolve_present_time(context, cursor)
        handover = _find_handover(context, stream)
        since = cursor.time - RELIST_SPAN if cursor else handover or now - self._settings.lookback
        records = _query_records(context, _build_listing_query(stream.name, since))
        # The answer has told the org's time: what is younger is still settling.
        now = context.client.estimate_org_time()
        entries = [log_file.parse_record(record, now) for record in records]
        until = context.compute_horizon(now - self._settings.settle)
        wanted = [
            file
            for file in entries
            if isinstance(file, ListedLogFile)
            and file.created_date <= until
            and (handover is None or file.log_date >= handover)
            and matches_any(file.event_type, self._settings.event_types)
        ]
        new_files = log_file.select_new_files(context, wanted)
        batches = [log_file.build_batch(context, stream, file) for file in new_files]
        histories = log_file.find_fetch_histories(context, new_files)
        context.record_listing(stream, batches, since=since, until=until)
        plan = plan_downloads(new_files, histories, clock.now())
        losses = [
            log_file.build_record_loss(context, stream, record, entry)
            for record, entry in zip(records, entries, strict=True)
            if isinstance(entry, FetchFailure)
        ]
        known_keys = context.find_stored_keys([loss.batch.key for loss in losses])
        return [loss for loss in losses if loss.batch.key not in known_keys], plan


def _download_file(context: SourceContext, stream: Stream, file: ListedLogFile) -> FetchResult:
    with assign_activity(DOWNLOADS):
        return log_file.fetch_file(context, stream, file)


def _hold_cursor(result: FetchResult) -> FetchResult:
    """The result, without moving the cursor."""
    match result:
        case FetchFailure():
            return result
        case LostBatch():
            return replace(result, batch=replace(result.batch, cursor=None))
        case _:
            return replace(result, cursor=None)


def _build_stream(context: SourceContext, name: str) -> Stream:
    return Stream(org=context.org, source=KIND, name=name)


def _query_records(context: SourceContext, soql: str) -> list[dict[str, Any]]:
    try:
        return [record for page in context.client.query(soql) for record in page]
    except NotAvailableError:
        context.catalog.forget_object(OBJECT_NAME)
        raise


def _build_listing_query(interval: str, since: datetime) -> str:
    condition = "Interval = 'Hourly' AND Sequence >= 1" if interval == HOURLY else "Sequence = 0"
    return (
        f"SELECT {', '.join(log_file.LISTING_FIELDS)} FROM EventLogFile WHERE {condition}"
        f" AND CreatedDate >= {render_literal(since)} ORDER BY CreatedDate ASC, Id ASC"
    )


def _find_handover(context: SourceContext, stream: Stream) -> datetime | None:
    """The first LogDate that is ours when the org changed between daily and hourly files.

    The change is made where a UTC day begins: with the first day of which the other kind has not
    come to its end. So the beginning of such a day may be read twice, but its end is not missed.
    """
    other, length = HOURLY, timedelta(hours=1)
    if stream.name == HOURLY:
        other, length = DAILY, timedelta(days=1)
    newest = context.find_newest_time(replace(stream, name=other))
    if newest is None:
        return None
    return (newest + length).replace(hour=0, minute=0, second=0, microsecond=0)


def _count_daily_files(context: SourceContext, stream: Stream) -> int:
    since = context.client.estimate_org_time() - timedelta(days=1)
    return len(_query_records(context, _build_listing_query(stream.name, since)))


def _probe_stream(context: SourceContext, stream: Stream) -> ProbeResult:
    condition = "Sequence = 0" if stream.name == DAILY else "Sequence >= 1"
    since = context.client.estimate_org_time() - RECENT_SPAN
    soql = (
        f"SELECT EventType FROM EventLogFile WHERE {condition}"
        f" AND CreatedDate >= {render_literal(since)}"
    )
    types = {str(record.get("EventType")) for record in _query_records(context, soql)}
    if types:
        return ProbeResult(message=f"files of the last two days: {', '.join(sorted(types))}")
    message = (
        "readable, but no file in the last two days: is log generation on? "
        "(Setup, Event Monitoring Settings, Generate event log files)"
    )
    return ProbeResult(message=message, is_warning=True)


SPEC = SourceSpec(
    kind=KIND,
    settings=EventLogFileSettings,
    build=EventLogFileReader,
    event_types=SuppliedTypes(family=EventFamily.LOG_FILE),
    windowed=False,
    backfillable=True,
    value_rank=40,
    # Most of its calls are downloads: asking for the list less often saves few of them.
    max_stretch=3.0,
    calls_per_poll=2.0,
    lane=Lane.BULK,
    count_daily_files=_count_daily_files,
    probe=_probe_stream,
    permissions=(PERMISSION,),
    licence=LICENCE,
    unlicensed_types=UNLICENSED_TYPES,
)
