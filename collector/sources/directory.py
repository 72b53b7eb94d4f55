"""The directory: who an org's users are, and which apps, reports and objects it has.

What is read becomes no events: it is kept in versions, so that an event is judged by what held when
it happened, and messages say names. Sources: Object Reference, User, PermissionSetAssignment,
ConnectedApplication, ExternalClientApplication, Report; REST API, Describe Global.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Annotated

from pydantic import Field

from collector.model import Batch, Cursor, Stream
from collector.settings import SourceSettings
from collector.settings.values import Duration, Period, TextLine
from collector.sources.contract import SourceContext, UnavailableStream
from collector.sources.directory_columns import STAMP, ColumnChoice, EntryColumn
from collector.sources.directory_probe import probe_entries
from collector.sources.directory_reading import EntryReader, fetch_entries
from collector.sources.directory_records import (
    CONNECTED_KIND,
    EXTERNAL_KIND,
    RecordReader,
    SobjectsReader,
)
from collector.sources.directory_users import VIEW_ALL_USERS, VIEW_SETUP, UserReader
from collector.sources.spec import Lane, ProbeResult, SourceSpec, StreamGroup, SuppliedTypes

KIND = "directory"
USERS, CONNECTED_APPS, EXTERNAL_APPS = "User", "ConnectedApplication", "ExternalClientApplication"
REPORTS, OBJECTS = "Report", "sobjects"

_APP_COLUMNS = (
    EntryColumn(key=STAMP, path=STAMP),
    EntryColumn(key="created", path="CreatedDate"),
)
_CONNECTED_COLUMNS = (
    *_APP_COLUMNS,
    EntryColumn(key="name", path="Name"),
    EntryColumn(key="is_admin_approved_only", path="OptionsAllowAdminApprovedUsersOnly"),
    EntryColumn(key="is_internal", path="OptionsIsInternal"),
    EntryColumn(key="start_url", path="StartUrl"),
)
_EXTERNAL_COLUMNS = (
    *_APP_COLUMNS,
    EntryColumn(key="name", path="MasterLabel"),
    EntryColumn(key="name", path="DeveloperName"),
)
_REPORT_COLUMNS = (
    EntryColumn(key=STAMP, path=STAMP),
    EntryColumn(key="name", path="Name"),
    EntryColumn(key="folder", path="FolderName"),
    EntryColumn(key="owner_id", path="OwnerId"),
    EntryColumn(key="format", path="Format"),
)

_REMARKS = {EXTERNAL_APPS: ", and that the org has opted in to external client apps"}


class DirectorySettings(SourceSettings):
    """Users, apps, reports and objects; `every` is for users, `others_every` for the others.

    `reread` is how often all of it is read again, for what no change tells. `skip_user_types` are
    left out: of high-volume portal users an org may have millions.
    """

    every: Period = timedelta(minutes=10)
    others_every: Period = timedelta(hours=1)
    reread: Annotated[Duration, Field(ge=timedelta(hours=1))] = timedelta(hours=24)
    apps: bool = True
    reports: bool = True
    objects: bool = True
    skip_user_types: tuple[TextLine, ...] = ("CspLitePortal",)


class DirectoryReader:
    """A stream for each object that entries are read from."""

    def __init__(self, settings: DirectorySettings) -> None:
        self._settings = settings
        self._readers = _build_readers(settings)

    def list_streams(self, context: SourceContext) -> Sequence[Stream | UnavailableStream]:
        """One stream for each object that is wanted."""
        shown = context.catalog.list_object_names()
        return [_check_stream(context, name, shown) for name in self._readers]

    def fetch(
        self, context: SourceContext, stream: Stream, cursor: Cursor | None
    ) -> Iterator[Batch]:
        """What has changed, and all of it once a period; of apps all of it each time."""
        is_small = stream.name in (CONNECTED_APPS, EXTERNAL_APPS)
        yield from fetch_entries(
            context,
            stream,
            cursor,
            reader=self._readers[stream.name],
            reread=timedelta() if is_small else self._settings.reread,
        )


def _build_readers(settings: DirectorySettings) -> Mapping[str, EntryReader]:
    readers: dict[str, EntryReader] = {USERS: UserReader(skip_types=settings.skip_user_types)}
    if settings.apps:
        readers[CONNECTED_APPS] = _build_app_reader(
            CONNECTED_APPS, CONNECTED_KIND, _CONNECTED_COLUMNS
        )
        readers[EXTERNAL_APPS] = _build_app_reader(EXTERNAL_APPS, EXTERNAL_KIND, _EXTERNAL_COLUMNS)
    if settings.reports:
        choice = ColumnChoice(REPORTS, _REPORT_COLUMNS)
        readers[REPORTS] = RecordReader(object_name=REPORTS, kind="report", columns=choice)
    if settings.objects:
        readers[OBJECTS] = SobjectsReader()
    return readers


def _build_app_reader(name: str, kind: str, columns: Sequence[EntryColumn]) -> RecordReader:
    return RecordReader(
        object_name=name,
        kind="app",
        columns=ColumnChoice(name, columns),
        constants={"kind": kind},
        has_changes=False,
    )


def _check_stream(
    context: SourceContext, name: str, shown: frozenset[str]
) -> Stream | UnavailableStream:
    stream = Stream(org=context.org, source=KIND, name=name)
    if name in shown or (name == OBJECTS and shown):
        return stream
    reason = (
        f"the org does not show {name} to this user: the directory needs the permissions"
        f" '{VIEW_ALL_USERS}' and '{VIEW_SETUP}'{_REMARKS.get(name, '')}; what it does not say is"
        " unknown to rules"
    )
    return UnavailableStream(stream=stream, reason=reason)


def _probe(context: SourceContext, stream: Stream) -> ProbeResult:
    """How many entries there are, and what the org keeps from us of them."""
    if stream.name == OBJECTS:
        return ProbeResult(message=f"{len(context.catalog.list_object_names()):,} objects")
    reader = _build_readers(DirectorySettings())[stream.name]
    return probe_entries(context, stream.name, reader.list_hidden(context))


def _split_groups(settings: DirectorySettings) -> tuple[StreamGroup, ...]:
    return (
        StreamGroup(
            name="users",
            interval=settings.every,
            value_rank=18,
            max_stretch=12.0,
            stream_names=frozenset({USERS}),
            calls_per_poll=2.0,
        ),
        StreamGroup(
            name="apps, reports and objects",
            interval=max(settings.every, settings.others_every),
            setting="others_every",
            value_rank=55,
            max_stretch=12.0,
            expected_streams=4,
        ),
    )


SPEC = SourceSpec(
    kind=KIND,
    settings=DirectorySettings,
    build=DirectoryReader,
    event_types=SuppliedTypes(),
    windowed=False,
    backfillable=False,
    value_rank=18,
    max_stretch=12.0,
    split_groups=_split_groups,
    lane=Lane.URGENT,
    probe=_probe,
    permissions=(VIEW_ALL_USERS, VIEW_SETUP),
)
