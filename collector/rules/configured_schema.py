"""The event table as the rules of a configuration see it: with what is known of its orgs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from collector.detect import EventSchema
from collector.health.health_events import HEALTH_SOURCE
from collector.ingest.state_paths import StatePaths
from collector.rules.found_fields import FoundFields
from collector.rules.rule_files import EVENT_SCHEMA
from collector.settings import Settings
from collector.sources import SOURCES


def build_event_schema(settings: Settings) -> EventSchema:
    """The event table of the orgs of a configuration, and of what was collected of them so far.

    Nothing is read before a rule names what is not documented. A state need not be there.
    """
    found = FoundFields(archive=StatePaths(state_dir=settings.state_dir).archive)
    values = _ConfiguredValues(
        orgs=frozenset(org.name for org in settings.orgs), found_fields=found
    )
    return replace(
        EVENT_SCHEMA, list_values=values.list_values, list_found_fields=found.list_fields
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _ConfiguredValues:
    """The fields of which all values are known; `orgs` are those that are configured."""

    orgs: frozenset[str]
    found_fields: FoundFields

    def list_values(self, field: str) -> frozenset[str] | None:
        match field:
            case "org":
                return self.orgs
            case "source":
                return frozenset(spec.kind for spec in SOURCES) | {HEALTH_SOURCE}
            case "event_type":
                return EVENT_SCHEMA.list_event_types() | self.found_fields.list_event_types()
        return EVENT_SCHEMA.list_values(field)
