"""Stored Real-Time Event Monitoring events: threat detection objects and big objects.

Sources for the two kinds and their rules: Platform Events guide, page of each object; Security
Implementation Guide, "Real-Time Event Monitoring Data Storage".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from types import MappingProxyType

from collector.model import Cursor, EventFamily, Stream
from collector.salesforce.composite import MAX_QUERIES
from collector.settings.values import Period, matches_any
from collector.sources import named_objects, query_windows
from collector.sources.availability import check_object, has_rows, probe_object
from collector.sources.batched_windows import BatchedWindows
from collector.sources.contract import FetchResult, SourceContext, UnavailableStream
from collector.sources.named_objects import ObjectsSettings
from collector.sources.query_window import QueryWindow, WindowQuery
from collector.sources.spec import (
    THREAT_DETECTION_RANK,
    Lane,
    ProbeResult,
    SourceSpec,
    StreamGroup,
    SuppliedTypes,
)

KIND = "stored_events"
LICENCE = "Shield or the Event Monitoring add-on"
PERMISSION = "View Real-Time Event Monitoring Data"

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


THREAT_DETECTION = "threat detection objects"
OTHER_OBJECTS = "other objects"


class StoredEventsSettings(ObjectsSettings):
    """Stored Real-Time events; objects that we do not know must be named outright.

    `every` is for the threat detection objects; what is no such object is asked every
    `big_objects_every`, but never more often than these.
    """

    every: Period = timedelta(minutes=1)
    big_objects_every: Period = timedelta(minutes=5)


class StoredEventsReader:
    """Every stored event object that the org has and the settings ask for, each its own stream."""

    def __init__(self, settings: StoredEventsSettings) -> None:
        self._settings = settings
        self._windows = BatchedWindows(self._plan_window)

    def list_streams(self, context: SourceContext) -> Sequence[Stream | UnavailableStream]:
        """One stream for each object; those that the org does not list are unavailable.

        Objects that we do not know are read where the settings name them outright.
        """
        known_names = [
            name
            for name in (*STANDARD_OBJECTS, *BIG_OBJECTS)
            if matches_any(name, self._settings.objects)
        ]
        names = dict.fromkeys(
            [*known_names, *named_objects.list_explicit_names(self._settings.objects)]
        )
        return [_check_stream(context, name) for name in names]

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
            window_query=_choose_window_query(context, stream.name),
            settings=self._settings,
        )


def _split_groups(settings: StoredEventsSettings) -> tuple[StreamGroup, ...]:
    return (
        StreamGroup(
            name=THREAT_DETECTION,
            interval=settings.every,
            value_rank=THREAT_DETECTION_RANK,
            max_stretch=5.0,
            stream_names=frozenset(STANDARD_OBJECTS),
            expected_streams=len(STANDARD_OBJECTS),
        ),
        StreamGroup(
            name=OTHER_OBJECTS,
            interval=max(settings.every, settings.big_objects_every),
            setting="big_objects_every",
            value_rank=30,
            max_stretch=12.0,
            expected_streams=len(BIG_OBJECTS),
        ),
    )


def _choose_window_query(context: SourceContext, name: str) -> WindowQuery:
    if name in BIG_OBJECTS:
        return WindowQuery(name=name, time_field="EventDate", order="DESC")
    if name in STANDARD_OBJECTS:
        return WindowQuery(name=name, time_field="CreatedDate", order="ASC")
    return named_objects.choose_window_query(context, name)


def _check_stream(context: SourceContext, name: str) -> Stream | UnavailableStream:
    stream = Stream(org=context.org, source=KIND, name=name)
    return check_object(context, stream, f"{LICENCE} and the permission '{PERMISSION}'")


def _probe_stream(context: SourceContext, stream: Stream) -> ProbeResult:
    if has_rows(context, stream):
        return probe_object(context, stream)
    message = "readable, but empty: storing may be off (Setup, Event Manager, Enable Storing)"
    return ProbeResult(message=message, is_warning=True)


SPEC = SourceSpec(
    kind=KIND,
    settings=StoredEventsSettings,
    build=StoredEventsReader,
    event_types=SuppliedTypes(family=EventFamily.STORED, have_own_streams=True),
    windowed=True,
    backfillable=True,
    value_rank=THREAT_DETECTION_RANK,
    split_groups=_split_groups,
    queries_per_call=MAX_QUERIES,
    lane=Lane.URGENT,
    probe=_probe_stream,
    permissions=(PERMISSION,),
    extra_permissions=MappingProxyType(
        {
            "IdentityProviderEventStore": ("Customize Application",),
            "IdentityVerificationEvent": ("Manage Multi-Factor Authentication in User Interface",),
        }
    ),
    licence=LICENCE,
    needs_storing=True,
)
