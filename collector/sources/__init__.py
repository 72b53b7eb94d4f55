"""The logs that an org keeps: one file for each kind, and the table that names them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from collector.settings import Sources
from collector.sources import login_history, setup_audit_trail
from collector.sources.bulk_jobs import BulkJobs
from collector.sources.catalog import Catalog
from collector.sources.contract import (
    Context,
    Fetched,
    Gone,
    Source,
    Trouble,
    Unavailable,
)
from collector.sources.event_log_file import EventLogFile
from collector.sources.event_log_objects import EventLogObjects
from collector.sources.oauth_tokens import OauthTokens
from collector.sources.org_limits import OrgLimits
from collector.sources.stored_events import StoredEvents

__all__ = [
    "KINDS",
    "Catalog",
    "Context",
    "Fetched",
    "Gone",
    "Source",
    "Trouble",
    "Unavailable",
    "build",
]

KINDS: dict[str, Callable[[Any], Source]] = {
    "event_log_file": EventLogFile,
    "stored_events": StoredEvents,
    "setup_audit_trail": setup_audit_trail.build,
    "login_history": login_history.build,
    "bulk_jobs": BulkJobs,
    "oauth_tokens": OauthTokens,
    "org_limits": OrgLimits,
    "event_log_objects": EventLogObjects,
}


def build(settings: Sources) -> Iterator[Source]:
    """The sources that the settings leave switched on."""
    for kind, make in KINDS.items():
        chosen = getattr(settings, kind)
        if chosen is not None:
            yield make(chosen)
