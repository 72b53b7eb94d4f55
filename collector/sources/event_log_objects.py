"""Event log objects (`LoginEventLog`, …): the events of log files as records that can be queried.

They repeat the files, so they are off by default. Their Id is the same on every record and there is
no EventIdentifier: a record is known by what it says. Source: Object Reference, LoginEventLog.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from collector.errors import SalesforceError
from collector.model import Cursor, Stream
from collector.settings import EventLogObjectsSettings
from collector.sources import query_windows
from collector.sources.contract import FetchResult, SourceContext, UnavailableStream

KIND = "event_log_objects"
OBJECT_SUFFIX = "EventLog"
OLDEST_VERSION = 61

TIME_FIELDS = ("Timestamp", "EventDate", "CreatedDate")
"""What windows are cut on: the first of these that the object has."""


class EventLogObjectsSource:
    """Every event log object that the org has and the settings ask for, each its own stream."""

    kind = KIND

    def __init__(self, settings: EventLogObjectsSettings) -> None:
        self.poll_interval = settings.every
        self._settings = settings

    def list_streams(self, context: SourceContext) -> Sequence[Stream | UnavailableStream]:
        """One stream for each object that the org lists."""
        names = [
            name
            for name in sorted(context.catalog.list_object_names())
            if name.endswith(OBJECT_SUFFIX)
            and any(fnmatchcase(name, glob) for glob in self._settings.objects)
        ]
        if names and float(context.client.api_version) >= OLDEST_VERSION:
            return [Stream(org=context.org, source=KIND, name=name) for name in names]
        reason = (
            "the org shows no event log object to this user: they need the Event Monitoring add-on,"
            f" the permission 'View Event Log Object Data' and API version {OLDEST_VERSION}.0"
        )
        return [
            UnavailableStream(stream=Stream(org=context.org, source=KIND, name="*"), reason=reason)
        ]

    def fetch(
        self, context: SourceContext, stream: Stream, cursor: Cursor | None
    ) -> Iterator[FetchResult]:
        """The object's windows since the cursor."""
        yield from query_windows.fetch_windows(
            context,
            stream,
            cursor,
            window_query=query_windows.WindowQuery(
                name=stream.name, time_field=_find_time_field(context, stream.name), order="DESC"
            ),
            overlap=self._settings.overlap,
            lookback=self._settings.lookback,
        )


def _find_time_field(context: SourceContext, name: str) -> str:
    described = {field.name for field in context.catalog.describe_object(name)}
    found = next((field for field in TIME_FIELDS if field in described), None)
    if found is None:
        raise SalesforceError(
            f"{context.org}: {name} has none of the fields {', '.join(TIME_FIELDS)}, so that it"
            " cannot be read forward in time"
        )
    return found
