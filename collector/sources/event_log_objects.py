"""Event log objects (`LoginEventLog`, …): the events of log files as records that can be queried.

They repeat the files, so they are off by default. Their Id is the same on every record and there is
no EventIdentifier: a record is known by what it says. Source: Object Reference, LoginEventLog.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from collector.errors import SalesforceError
from collector.model import Cursor, Stream
from collector.settings import EventLogObjectsSource
from collector.sources import windows
from collector.sources.contract import Context, Fetched, Unavailable

KIND = "event_log_objects"
SUFFIX = "EventLog"
OLDEST_VERSION = 61

TIME_FIELDS = ("Timestamp", "EventDate", "CreatedDate")
"""What windows are cut on: the first of these that the object has."""


class EventLogObjects:
    """Every event log object that the org has and the settings ask for, each its own stream."""

    kind = KIND

    def __init__(self, settings: EventLogObjectsSource) -> None:
        self.every = settings.every
        self._settings = settings

    def streams(self, context: Context) -> Sequence[Stream | Unavailable]:
        """One stream for each object that the org lists."""
        names = [
            name
            for name in sorted(context.catalog.object_names())
            if name.endswith(SUFFIX)
            and any(fnmatchcase(name, glob) for glob in self._settings.objects)
        ]
        if names and float(context.client.api_version) >= OLDEST_VERSION:
            return [Stream(org=context.org, source=KIND, name=name) for name in names]
        reason = (
            "the org shows no event log object to this user: they need the Event Monitoring add-on,"
            f" the permission 'View Event Log Object Data' and API version {OLDEST_VERSION}.0"
        )
        return [Unavailable(stream=Stream(org=context.org, source=KIND, name="*"), reason=reason)]

    def fetch(self, context: Context, stream: Stream, cursor: Cursor | None) -> Iterator[Fetched]:
        """The object's windows since the cursor."""
        yield from windows.fetch(
            context,
            stream,
            cursor,
            windowed=windows.Windowed(
                name=stream.name, time_field=_time_field(context, stream.name), order="DESC"
            ),
            overlap=self._settings.overlap,
            lookback=self._settings.lookback,
        )


def _time_field(context: Context, name: str) -> str:
    described = {field.name for field in context.catalog.describe(name)}
    found = next((field for field in TIME_FIELDS if field in described), None)
    if found is None:
        raise SalesforceError(
            f"{context.org}: {name} has none of the fields {', '.join(TIME_FIELDS)}, so that it"
            " cannot be read forward in time"
        )
    return found
