"""Stored Real-Time Event Monitoring events: threat detection objects and big objects.

Sources for the two kinds and their rules: Platform Events guide, page of each object; Security
Implementation Guide, "Real-Time Event Monitoring Data Storage".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from collector.model import Cursor, Stream
from collector.settings import StoredEventsSettings
from collector.sources import named_objects, query_windows
from collector.sources.contract import FetchResult, SourceContext, UnavailableStream

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


class StoredEventsSource:
    """Every stored event object that the org has and the settings ask for, each its own stream."""

    kind = "stored_events"

    def __init__(self, settings: StoredEventsSettings) -> None:
        self.poll_interval = settings.every
        self._settings = settings

    def list_streams(self, context: SourceContext) -> Sequence[Stream | UnavailableStream]:
        """One stream for each object; those that the org does not list are unavailable.

        Objects that we do not know are read where the settings name them outright.
        """
        present = context.catalog.list_object_names()
        known = [
            name
            for name in (*STANDARD_OBJECTS, *BIG_OBJECTS)
            if any(fnmatchcase(name, glob) for glob in self._settings.objects)
        ]
        names = dict.fromkeys([*known, *named_objects.list_explicit_names(self._settings.objects)])
        return [_check_stream(context, name, present) for name in names]

    def fetch(
        self, context: SourceContext, stream: Stream, cursor: Cursor | None
    ) -> Iterator[FetchResult]:
        """The object's windows since the cursor."""
        yield from query_windows.fetch_windows(
            context,
            stream,
            cursor,
            window_query=_choose_window_query(context, stream.name),
            overlap=self._settings.overlap,
            lookback=self._settings.lookback,
        )


def _choose_window_query(context: SourceContext, name: str) -> query_windows.WindowQuery:
    if name in BIG_OBJECTS:
        return query_windows.WindowQuery(name=name, time_field="EventDate", order="DESC")
    if name in STANDARD_OBJECTS:
        return query_windows.WindowQuery(name=name, time_field="CreatedDate", order="ASC")
    return named_objects.choose_window_query(context, name)


def _check_stream(
    context: SourceContext, name: str, present: frozenset[str]
) -> Stream | UnavailableStream:
    stream = Stream(org=context.org, source=StoredEventsSource.kind, name=name)
    if name in present:
        return stream
    return UnavailableStream(
        stream=stream,
        reason=(
            f"the org does not show {name} to this user: it needs Shield or the Event Monitoring"
            " add-on and the permission 'View Real-Time Event Monitoring Data'"
        ),
    )
