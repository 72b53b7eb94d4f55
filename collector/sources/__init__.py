"""The logs that an org keeps: one file for each kind, and the table that names them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from collector.settings import SourcesSettings
from collector.sources import login_history, setup_audit_trail
from collector.sources.bulk_jobs import BulkJobsSource
from collector.sources.catalog import Catalog
from collector.sources.contract import (
    FetchFailure,
    FetchResult,
    LostBatch,
    Source,
    SourceContext,
    UnavailableStream,
)
from collector.sources.event_log_file import EventLogFileSource
from collector.sources.event_log_objects import EventLogObjectsSource
from collector.sources.oauth_tokens import OauthTokensSource
from collector.sources.org_limits import OrgLimitsSource
from collector.sources.stored_events import StoredEventsSource

__all__ = [
    "SOURCE_FACTORIES",
    "Catalog",
    "FetchFailure",
    "FetchResult",
    "LostBatch",
    "Source",
    "SourceContext",
    "UnavailableStream",
    "build_sources",
]

SOURCE_FACTORIES: dict[str, Callable[[Any], Source]] = {
    "event_log_file": EventLogFileSource,
    "stored_events": StoredEventsSource,
    "setup_audit_trail": setup_audit_trail.build_setup_audit_trail,
    "login_history": login_history.build_login_history,
    "bulk_jobs": BulkJobsSource,
    "oauth_tokens": OauthTokensSource,
    "org_limits": OrgLimitsSource,
    "event_log_objects": EventLogObjectsSource,
}


def build_sources(settings: SourcesSettings) -> Iterator[Source]:
    """The sources that the settings leave switched on."""
    for kind, make in SOURCE_FACTORIES.items():
        chosen = getattr(settings, kind)
        if chosen is not None:
            yield make(chosen)
