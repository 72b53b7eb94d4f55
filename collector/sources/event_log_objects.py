"""Event log objects (`LoginEventLog`, …): the events of log files as records that can be queried.

They repeat the files, so they are off by default. Their Id is the same on every record and there is
no EventIdentifier: a record is known by what it says. Source: Object Reference, LoginEventLog.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from collector.errors import SalesforceError
from collector.model import Cursor, EventFamily, Stream
from collector.salesforce.composite import MAX_QUERIES
from collector.settings.values import Duration, Period, matches_any
from collector.sources import query_windows
from collector.sources.availability import probe_object
from collector.sources.batched_windows import BatchedWindows
from collector.sources.contract import FetchResult, SourceContext, UnavailableStream
from collector.sources.named_objects import ObjectsSettings
from collector.sources.query_window import QueryWindow, WindowQuery
from collector.sources.spec import Lane, SourceSpec, SuppliedTypes

KIND = "event_log_objects"
LICENCE = "the Event Monitoring add-on"
PERMISSION = "View Event Log Object Data"
OBJECT_SUFFIX = "EventLog"
OLDEST_VERSION = 61

TIME_FIELDS = ("Timestamp", "EventDate", "CreatedDate")
"""What windows are cut on: the first of these that the object has."""


class EventLogObjectsSettings(ObjectsSettings):
    """Event log objects, such as LoginEventLog: they repeat what is in event log files."""

    every: Period = timedelta(minutes=10)
    overlap: Duration = timedelta(hours=1)


class EventLogObjectsReader:
    """Every event log object that the org has and the settings ask for, each its own stream."""

    def __init__(self, settings: EventLogObjectsSettings) -> None:
        self._settings = settings
        self._windows = BatchedWindows(self._plan_window)

    def list_streams(self, context: SourceContext) -> Sequence[Stream | UnavailableStream]:
        """One stream for each object that the org lists."""
        names = [
            name
            for name in sorted(context.catalog.list_object_names())
            if name.endswith(OBJECT_SUFFIX) and matches_any(name, self._settings.objects)
        ]
        if names and float(context.client.api_version) >= OLDEST_VERSION:
            return [Stream(org=context.org, source=KIND, name=name) for name in names]
        reason = (
            f"the org shows no event log object to this user: they need {LICENCE},"
            f" the permission '{PERMISSION}' and API version {OLDEST_VERSION}.0"
        )
        return [
            UnavailableStream(stream=Stream(org=context.org, source=KIND, name="*"), reason=reason)
        ]

    def fetch(
        self, context: SourceContext, stream: Stream, cursor: Cursor | None
    ) -> Iterator[FetchResult]:
        """The object's windows since the cursor."""
        yield from self._windows.fetch_windows(context, stream, cursor)

    def _plan_window(
        self, context: SourceContext, stream: Stream, cursor: Cursor | None
    ) -> QueryWindow:
        return query_windows.plan_window(
            context,
            stream,
            cursor,
            window_query=WindowQuery(
                name=stream.name, time_field=_find_time_field(context, stream.name), order="DESC"
            ),
            settings=self._settings,
        )


def _find_time_field(context: SourceContext, name: str) -> str:
    field_names = {field.name for field in context.catalog.describe_object(name)}
    time_field = next((field for field in TIME_FIELDS if field in field_names), None)
    if time_field is None:
        raise SalesforceError(
            f"{context.org}: {name} has none of the fields {', '.join(TIME_FIELDS)}, so that it"
            " cannot be read forward in time"
        )
    return time_field


SPEC = SourceSpec(
    kind=KIND,
    settings=EventLogObjectsSettings,
    on_by_default=False,
    build=EventLogObjectsReader,
    event_types=SuppliedTypes(family=EventFamily.LOG_OBJECT, have_own_streams=True),
    windowed=True,
    backfillable=True,
    value_rank=60,
    queries_per_call=MAX_QUERIES,
    lane=Lane.BULK,
    probe=probe_object,
    permissions=(PERMISSION,),
    licence=LICENCE,
)
