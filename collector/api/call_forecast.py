"""The forecast of each org's API calls: from what was measured, or from a look at the org."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from collector.api.json_values import JsonObject, to_json_object
from collector.collection.api_budget_policy import ApiSpending
from collector.collection.forecast_words import describe_group, describe_total, list_remedies
from collector.collection.org_facts import count_daily_files, read_org_facts
from collector.collection.poll_costs import GroupKey, OrgFacts
from collector.collection.poll_forecast import CallForecast, forecast_calls
from collector.errors import SalesforceError
from collector.model import FindingLevel, Stream
from collector.preflight.checks import PreflightFinding
from collector.salesforce.composite import MAX_QUERIES
from collector.settings import Settings
from collector.sources import Source, SourceContext, build_sources


@dataclass(frozen=True, slots=True, kw_only=True)
class OrgCallForecast:
    """The forecast of one org."""

    org: str
    forecast: CallForecast


def read_call_forecasts(
    connection: sa.Connection, settings: Settings, *, now: datetime
) -> list[OrgCallForecast]:
    """What the state says of the calls of every org of a configuration, as the daemon reads it."""
    forecasts = []
    for org in settings.orgs:
        sources = build_sources(org.sources)
        facts = read_org_facts(
            connection,
            org.name,
            sources,
            percent=org.api_budget_percent,
            queries_per_call=MAX_QUERIES,
            daily_files=count_daily_files(connection, org.name, sources, now=now),
            now=now,
        )
        forecasts.append(OrgCallForecast(org=org.name, forecast=forecast_calls(sources, facts)))
    return forecasts


def to_json_lines(org_forecast: OrgCallForecast) -> Iterator[JsonObject]:
    """An object for the org, and one for each group of streams that is asked equally often."""
    org, forecast = org_forecast.org, org_forecast.forecast
    yield to_json_object(
        {
            "kind": "api_calls",
            "org": org,
            "allowed": forecast.share,
            "made": forecast.own_calls,
            "needed": forecast.configured_calls,
            "log_files": forecast.daily_files,
            "downloads_allowed": forecast.side_allowance,
            "downloads_made": forecast.side_calls,
            "fitting_percent": forecast.fitting_percent,
            "remedies": list(list_remedies(forecast)),
        }
    )
    for group in forecast.groups:
        yield to_json_object(
            {
                "kind": "poll_interval",
                "org": org,
                "source": group.source,
                "stream_group": group.name,
                "streams": group.streams,
                "interval_seconds": group.interval.total_seconds(),
                "configured_seconds": group.configured.total_seconds(),
                "daily_calls": round(group.daily_calls),
                "configured_calls": round(group.configured_calls),
                "paused": int(group.is_paused),
                "reason": group.reason,
            }
        )


def check_calls(
    context: SourceContext, sources: Sequence[Source], *, percent: int
) -> Iterator[PreflightFinding]:
    """What the configured intervals would take of this org's calls, and what would fit."""
    forecast = forecast_calls(sources, _look_at_org(context, sources, percent))
    subject = f"{context.org}/api_calls"
    level = FindingLevel.OK if forecast.does_fit else FindingLevel.WARNING
    message = "; ".join([describe_total(forecast), *list_remedies(forecast)])
    yield PreflightFinding(level=level, subject=subject, message=message)
    for group in forecast.groups:
        yield PreflightFinding(
            level=FindingLevel.WARNING if group.reason else FindingLevel.OK,
            subject=f"{subject}/{group}",
            message=describe_group(group),
        )


def _look_at_org(context: SourceContext, sources: Sequence[Source], percent: int) -> OrgFacts:
    counts: dict[GroupKey, int] = {}
    daily_files = 0
    for source in sources:
        streams = _list_streams(context, source)
        counts |= {(source.kind, group.name): 0 for group in source.groups}
        for stream in streams:
            counts[source.kind, source.find_group(stream.name).name] += 1
            daily_files += _count_files(context, source, stream)
        if source.spec.queries_per_call > 1:
            _try_together(context, streams)
    usage = context.client.api_usage
    return OrgFacts(
        percent=percent,
        spending=ApiSpending(own_calls=0, used_calls=usage.used_calls, max_calls=usage.max_calls)
        if usage
        else None,
        stream_counts=counts,
        daily_files=daily_files,
        queries_per_call=context.client.queries_per_call,
    )


def _list_streams(context: SourceContext, source: Source) -> list[Stream]:
    # What cannot be read has its own finding.
    with suppress(SalesforceError):
        found = source.reader.list_streams(context)
        return [stream for stream in found if isinstance(stream, Stream)]
    return []


def _count_files(context: SourceContext, source: Source, stream: Stream) -> int:
    if source.spec.count_daily_files is not None:
        with suppress(SalesforceError):
            return source.spec.count_daily_files(context, stream)
    return 0


def _try_together(context: SourceContext, streams: Sequence[Stream]) -> None:
    """Ask two queries with one call, so that the client knows whether the org answers that."""
    with suppress(SalesforceError):
        context.client.query_several(
            [f"SELECT Id FROM {stream.name} LIMIT 1" for stream in streams[:2]]
        )
