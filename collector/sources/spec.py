"""All that differs between the kinds of sources, said once in the spec of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Generic, TypeVar

from collector.model import EventFamily, Stream
from collector.settings import SourceSettings, SourcesSettings
from collector.sources.contract import SourceContext, SourceReader

# Covariant, so that specs of different settings stand in one tuple: each is built of its own.
SettingsT_co = TypeVar("SettingsT_co", bound=SourceSettings, covariant=True)

THREAT_DETECTION_RANK = 0
"""The value rank of what is asked less often only when nothing else is left to save."""

LOWEST_VALUE_RANK = 70
"""The value rank of what is asked less often before everything else."""

STORING_REQUIREMENT = "storing switched on (Setup, Event Manager)"


class Lane(StrEnum):
    """Whether a source shows an attack within minutes, or has a backlog to work through."""

    URGENT = "urgent"
    BULK = "bulk"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """What a look at a stream that the org shows has found; a warning if it may bring nothing."""

    message: str
    is_warning: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppliedTypes:
    """The event types that a source brings.

    Attributes:
        names: these.
        family: all documented ones of this family, too.
        have_own_streams: whether each comes as the stream that is called by it.
    """

    names: frozenset[str] = frozenset()
    family: EventFamily | None = None
    have_own_streams: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeRequirement:
    """What it takes to read events of one type.

    Attributes:
        event_type: a stored type, none that is derived.
        source: the source that serves it, by its key in the configuration; empty for what the
            collector says of itself.
        licence: what the org must have bought; empty if nothing.
        storing: whether the org stores such events only where somebody has switched that on.
        permissions: of the integration user; all of them are needed.
    """

    event_type: str
    source: str
    licence: str = ""
    storing: bool = False
    permissions: tuple[str, ...] = ()

    def __str__(self) -> str:
        rights = [f"'{name}'" for name in self.permissions]
        parts = [self.licence, STORING_REQUIREMENT if self.storing else "", *rights]
        return ", ".join(filter(None, parts)) or "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamGroup:
    """Streams of a source that are asked equally often.

    Attributes:
        name: empty where it is all of the source; otherwise as people call these streams.
        interval: how often they are asked where API calls suffice.
        setting: the key of the source's settings that says so.
        value_rank: 0 for what shows an attack soonest for the fewest API calls, up to
            LOWEST_VALUE_RANK.
        max_stretch: how many times less often they may be asked, where API calls are short.
        stream_names: the streams that are in it; empty for all that are in no other.
        calls_per_poll: what one poll of one stream takes, as long as nothing has been measured.
        expected_streams: how many there are, as long as nobody has looked.
    """

    name: str = ""
    interval: timedelta
    setting: str = "every"
    value_rank: int
    max_stretch: float
    stream_names: frozenset[str] = frozenset()
    calls_per_poll: float = 1.0
    expected_streams: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSpec(Generic[SettingsT_co]):
    """One kind of source.

    Attributes:
        kind: its key in the configuration and its name in the state and in messages.
        settings: the model of its settings, with a default for every key.
        on_by_default: whether it is polled where the configuration does not mention it.
        build: what reads it as its settings want.
        event_types: what it brings.
        windowed: whether its batches are closed windows of time, which show what was read.
        backfillable: whether it has a past to read; others only know the present.
        value_rank: 0 for what shows an attack soonest for the fewest API calls, up to
            LOWEST_VALUE_RANK; distinct, and with room for others between.
        max_stretch: how many times less often it may be asked, where API calls are short.
        calls_per_poll: what one poll of a stream takes, as long as nothing has been measured.
        split_groups: the groups of its streams, where not all are asked equally often.
        queries_per_call: how many of its streams one API call may read, where the org allows it.
        lane: what its work must not wait for.
        count_daily_files: how many files a stream has got in the last 24 hours, each of which is
            downloaded with a call; None for a source without files. Raises SalesforceError.
        probe: looks at a stream for `collector check`. Raises SalesforceError if not readable.
        permissions: what the user needs to read it, in Setup's words; all of them.
        extra_permissions: what some event types need besides.
        licence: what the org must have bought, in words; empty if nothing.
        unlicensed_types: event types that every org has.
        needs_storing: whether the org keeps its events only where somebody has switched that on.
    """

    kind: str
    settings: type[SettingsT_co]
    on_by_default: bool = True
    build: Callable[[SettingsT_co], SourceReader]
    event_types: SuppliedTypes
    windowed: bool
    backfillable: bool
    value_rank: int
    max_stretch: float = 10.0
    calls_per_poll: float = 1.0
    split_groups: Callable[[SettingsT_co], tuple[StreamGroup, ...]] | None = None
    queries_per_call: int = 1
    lane: Lane
    count_daily_files: Callable[[SourceContext, Stream], int] | None = None
    probe: Callable[[SourceContext, Stream], ProbeResult]
    permissions: tuple[str, ...]
    extra_permissions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    licence: str = ""
    unlicensed_types: frozenset[str] = frozenset()
    needs_storing: bool = False

    def find_settings(self, settings: SourcesSettings) -> SettingsT_co | None:
        """Its own among an org's settings; None where it is turned off."""
        return settings.find_settings(self.kind, self.settings)

    def build_source(self, settings: SourcesSettings) -> Source | None:
        """The source as an org's settings want it; None where it is turned off."""
        own_settings = self.find_settings(settings)
        if own_settings is None:
            return None
        groups = self._build_groups(own_settings)
        return Source(
            spec=self,
            poll_interval=min(group.interval for group in groups),
            reader=self.build(own_settings),
            groups=groups,
        )

    def _build_groups(self, settings: SourceSettings) -> tuple[StreamGroup, ...]:
        own_settings = settings if isinstance(settings, self.settings) else None
        if self.split_groups is not None and own_settings is not None:
            return self.split_groups(own_settings)
        return (
            StreamGroup(
                interval=settings.every,
                value_rank=self.value_rank,
                max_stretch=self.max_stretch,
                calls_per_poll=self.calls_per_poll,
            ),
        )

    def describe_requirement(self, event_type: str) -> TypeRequirement:
        """What it takes to read events of a type that it brings."""
        return TypeRequirement(
            event_type=event_type,
            source=self.kind,
            licence="" if event_type in self.unlicensed_types else self.licence,
            storing=self.needs_storing,
            permissions=(*self.permissions, *self.extra_permissions.get(event_type, ())),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A source that an org's settings leave switched on.

    Attributes:
        poll_interval: how often the most frequent of its groups is asked.
        groups: its streams by how often they are asked; the last one has those of no other.
        postponed: the streams that the next poll leaves out, because they are not due.
    """

    spec: SourceSpec[SourceSettings]
    poll_interval: timedelta
    reader: SourceReader
    groups: tuple[StreamGroup, ...]
    postponed: frozenset[str] = frozenset()

    @property
    def kind(self) -> str:
        """Its key in the configuration."""
        return self.spec.kind

    def find_group(self, stream_name: str) -> StreamGroup:
        """The group of a stream."""
        return next(
            (group for group in self.groups if stream_name in group.stream_names), self.groups[-1]
        )


def select_lane(sources: Iterable[Source], lane: Lane) -> list[Source]:
    """Those of some sources that are of a lane."""
    return [source for source in sources if source.spec.lane is lane]
