"""The org's limits, as events: their use shows exports and runaway clients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from collector.model import Batch, Cursor, Stream
from collector.settings import SourceSettings
from collector.settings.values import Period
from collector.sources.availability import check_resource, probe_resource
from collector.sources.contract import SourceContext, UnavailableStream
from collector.sources.observation import Observation
from collector.sources.spec import LOWEST_VALUE_RANK, Lane, SourceSpec, SuppliedTypes

KIND = "org_limits"
RESOURCE = "limits"
PERMISSION = "View Setup and Configuration"

_COLUMNS = ("Name", "AppName", "Max", "Remaining")


class OrgLimitsSettings(SourceSettings):
    """The org's limits."""

    every: Period = timedelta(hours=1)


class OrgLimitsReader:
    """All limits, as one stream."""

    def list_streams(self, context: SourceContext) -> Sequence[Stream | UnavailableStream]:
        """The one stream, if this user may read the limits."""
        stream = Stream(org=context.org, source=KIND, name=RESOURCE)
        return [check_resource(context, stream, RESOURCE, f"'{PERMISSION}'")]

    def fetch(
        self, context: SourceContext, stream: Stream, cursor: Cursor | None
    ) -> Iterator[Batch]:
        """One event for each limit, as it stands."""
        records = list(_build_records(context.client.get_limits()))
        observation = Observation(
            context=context,
            stream=stream,
            since=cursor.time if cursor else None,
            time=context.client.estimate_org_time(),
        )
        yield observation.build_batch("OrgLimit", _COLUMNS, records, state_updates={})


def _build_records(limits: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """A record for each limit, and one for each app that has a share of it."""
    for name, figures in limits.items():
        if not isinstance(figures, Mapping):
            continue
        yield {"Name": name, **_pick_figures(figures)}
        for app, share in figures.items():
            if isinstance(share, Mapping):
                yield {"Name": name, "AppName": app, **_pick_figures(share)}


def _pick_figures(figures: Mapping[str, Any]) -> Mapping[str, Any]:
    return {key: figures.get(key) for key in ("Max", "Remaining")}


SPEC = SourceSpec(
    kind=KIND,
    settings=OrgLimitsSettings,
    build=lambda _: OrgLimitsReader(),
    event_types=SuppliedTypes(names=frozenset({"OrgLimit"})),
    windowed=False,
    backfillable=False,
    value_rank=LOWEST_VALUE_RANK,
    max_stretch=6.0,
    lane=Lane.BULK,
    probe=probe_resource,
    permissions=(PERMISSION,),
)
