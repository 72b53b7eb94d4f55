"""Stored Real-Time Event Monitoring events: threat detection objects and big objects.

Sources for the two kinds and their rules: Platform Events guide, page of each object; Security
Implementation Guide, "Real-Time Event Monitoring Data Storage".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from collector.model import Cursor, Stream
from collector.settings import StoredEventsSource
from collector.sources import named_objects, windows
from collector.sources.contract import Context, Fetched, Unavailable

STANDARD_OBJECTS = (
    "ApiAnomalyEventStore",
    "CredentialStuffingEventStore",
    "GuestUserAnomalyEventStore",
    "LoginAnomalyEventStore",
    "ReportAnomalyEventStore",
    "SessionHijackingEventStore",
    "UniversalAnomalyEventStore",
)
"""Ordinary objects. Their rows are inserted long after their EventDate: read by CreatedDate."""

BIG_OBJECTS = (
    "ApiEvent",
    "BulkApiResultEventStore",
    "FileEventStore",
    "IdentityProviderEventStore",
    "IdentityVerificationEvent",
    "LightningUriEvent",
    "ListViewEvent",
    "LoginAsEvent",
    "LoginEvent",
    "LogoutEvent",
    "PermissionSetEventStore",
    "ReportEvent",
    "UriEvent",
)
"""Only EventDate can be filtered on, only in descending order."""


class StoredEvents:
    """Every stored event object that the org has and the settings ask for, each its own stream."""

    kind = "stored_events"

    def __init__(self, settings: StoredEventsSource) -> None:
        self.every = settings.every
        self._settings = settings

    def streams(self, context: Context) -> Sequence[Stream | Unavailable]:
        """One stream for each object; those that the org does not list are unavailable.

        Objects that we do not know are read where the settings name them outright.
        """
        present = context.catalog.object_names()
        known = [
            name
            for name in (*STANDARD_OBJECTS, *BIG_OBJECTS)
            if any(fnmatchcase(name, glob) for glob in self._settings.objects)
        ]
        names = dict.fromkeys([*known, *named_objects.explicit(self._settings.objects)])
        return [_stream_or_reason(context, name, present) for name in names]

    def fetch(self, context: Context, stream: Stream, cursor: Cursor | None) -> Iterator[Fetched]:
        """The object's windows since the cursor."""
        yield from windows.fetch(
            context,
            stream,
            cursor,
            windowed=_windowed(context, stream.name),
            overlap=self._settings.overlap,
            lookback=self._settings.lookback,
        )


def _windowed(context: Context, name: str) -> windows.Windowed:
    if name in BIG_OBJECTS:
        return windows.Windowed(name=name, time_field="EventDate", order="DESC")
    if name in STANDARD_OBJECTS:
        return windows.Windowed(name=name, time_field="CreatedDate", order="ASC")
    return named_objects.windowed(context, name)


def _stream_or_reason(context: Context, name: str, present: frozenset[str]) -> Stream | Unavailable:
    stream = Stream(org=context.org, source=StoredEvents.kind, name=name)
    if name in present:
        return stream
    return Unavailable(
        stream=stream,
        reason=(
            f"the org does not show {name} to this user: it needs Shield or the Event Monitoring"
            " add-on and the permission 'View Real-Time Event Monitoring Data'"
        ),
    )
