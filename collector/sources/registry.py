"""The sources that there are. A new one is a file with its SPEC, and its line in SOURCES."""

from __future__ import annotations

from collections.abc import Iterable

from collector.model import EventFamily
from collector.settings import SourceSettings, SourcesSettings
from collector.sources import (
    bulk_jobs,
    directory,
    event_log_file,
    event_log_objects,
    login_history,
    oauth_tokens,
    org_limits,
    setup_audit_trail,
    stored_events,
)
from collector.sources.spec import Source, SourceSpec

SOURCES: tuple[SourceSpec[SourceSettings], ...] = (
    event_log_file.SPEC,
    stored_events.SPEC,
    setup_audit_trail.SPEC,
    login_history.SPEC,
    bulk_jobs.SPEC,
    directory.SPEC,
    oauth_tokens.SPEC,
    org_limits.SPEC,
    event_log_objects.SPEC,
)
"""In the order in which they are polled."""


def build_sources(
    settings: SourcesSettings, specs: Iterable[SourceSpec[SourceSettings]] = SOURCES
) -> list[Source]:
    """The sources that the settings leave switched on."""
    sources = (spec.build_source(settings) for spec in specs)
    return [source for source in sources if source is not None]


def find_supplier(
    event_type: str,
    family: EventFamily | None,
    specs: Iterable[SourceSpec[SourceSettings]] = SOURCES,
) -> SourceSpec[SourceSettings] | None:
    """The source that brings events of a type, which is documented as of that family."""
    for spec in specs:
        if event_type in spec.event_types.names:
            return spec
        if family is not None and family is spec.event_types.family:
            return spec
    return None
