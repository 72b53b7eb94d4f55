"""The sources that there are. A new one is a file with its SPEC, and its line in SOURCES."""

from __future__ import annotations

from dataclasses import dataclass

from collector.model import EventFamily
from collector.settings import SourcesSettings
from collector.sources import (
    bulk_jobs,
    event_log_file,
    event_log_objects,
    login_history,
    oauth_tokens,
    org_limits,
    setup_audit_trail,
    stored_events,
)
from collector.sources.spec import AnySourceSpec, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRegistry:
    """Sources, in the order in which they are polled."""

    specs: tuple[AnySourceSpec, ...]

    def build_sources(self, settings: SourcesSettings) -> list[Source]:
        """Those that the settings leave switched on."""
        built = (spec.build_source(settings) for spec in self.specs)
        return [source for source in built if source is not None]

    def find_supplier(self, event_type: str, family: EventFamily | None) -> AnySourceSpec | None:
        """The source that brings events of a type, which is documented as of that family."""
        for spec in self.specs:
            if event_type in spec.event_types.names:
                return spec
            if family is not None and family is spec.event_types.family:
                return spec
        return None


SOURCES = SourceRegistry(
    specs=(
        event_log_file.SPEC,
        stored_events.SPEC,
        setup_audit_trail.SPEC,
        login_history.SPEC,
        bulk_jobs.SPEC,
        oauth_tokens.SPEC,
        org_limits.SPEC,
        event_log_objects.SPEC,
    )
)
"""Every source of this program."""
