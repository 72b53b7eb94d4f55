"""What an org and its integration user must have before the events of a type can be read.

From the permission and licence tables of the Object Reference, the Platform Events guide and the
Security Implementation Guide.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from collector.normalize.derived_types import DERIVED_EVENT_TYPES
from collector.normalize.event_schema import find_family

EVENT_MONITORING_LICENCE = "Shield or the Event Monitoring add-on"
STORING_REQUIREMENT = "storing switched on (Setup, Event Manager)"

FREE_LOG_FILES = frozenset(
    {
        "ApexUnexpectedException",
        "ApiTotalUsage",
        "CSPViolation",
        "CorsViolation",
        "HostnameRedirects",
        "InsecureExternalAssets",
        "Login",
        "Logout",
    }
)
"""Event log files that every org has, if only daily ones."""


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
        wants = [self.licence, STORING_REQUIREMENT if self.storing else "", *rights]
        return ", ".join(filter(None, wants)) or "nothing"


_REAL_TIME_PERMISSION = "View Real-Time Event Monitoring Data"

_EXTRA_PERMISSIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "IdentityProviderEventStore": (_REAL_TIME_PERMISSION, "Customize Application"),
        "IdentityVerificationEvent": (
            _REAL_TIME_PERMISSION,
            "Manage Multi-Factor Authentication in User Interface",
        ),
    }
)
"""Stored events that want more than the others."""

_OBJECT_REQUIREMENTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "BulkJobInfo": ("bulk_jobs", "API Enabled"),
        "BulkJobRemoved": ("bulk_jobs", "API Enabled"),
        "CollectorHealth": ("", ""),
        "LoginHistory": ("login_history", "Monitor Login History"),
        "OauthToken": ("oauth_tokens", "Customize Application"),
        "OauthTokenGranted": ("oauth_tokens", "Customize Application"),
        "OauthTokenRemoved": ("oauth_tokens", "Customize Application"),
        "OrgLimit": ("org_limits", "View Setup and Configuration"),
        "SetupAuditTrail": ("setup_audit_trail", "View Setup and Configuration"),
    }
)
"""Event types that are neither files nor stored events: their source, and one permission."""


def find_requirement(event_type: str) -> TypeRequirement | None:
    """What a stored event type takes; None for a type that is derived or that nobody documents."""
    match find_family(event_type):
        case "elf":
            return TypeRequirement(
                event_type=event_type,
                source="event_log_file",
                licence="" if event_type in FREE_LOG_FILES else EVENT_MONITORING_LICENCE,
                permissions=("View Event Log Files",),
            )
        case "stored":
            return TypeRequirement(
                event_type=event_type,
                source="stored_events",
                licence=EVENT_MONITORING_LICENCE,
                storing=True,
                permissions=_EXTRA_PERMISSIONS.get(event_type, (_REAL_TIME_PERMISSION,)),
            )
        case "object":
            source, permission = _OBJECT_REQUIREMENTS[event_type]
            permissions = (permission,) if permission else ()
            return TypeRequirement(event_type=event_type, source=source, permissions=permissions)
    return None


def list_requirements(event_types: tuple[str, ...]) -> Iterator[TypeRequirement]:
    """What each of the types takes; a derived type takes what those that it is made of take."""
    for name in expand_derived_types(event_types):
        if found := find_requirement(name):
            yield found


def expand_derived_types(event_types: tuple[str, ...]) -> tuple[str, ...]:
    """The same types, each derived one replaced by those that it is made of; each once."""
    found: dict[str, None] = {}
    for name in event_types:
        found |= dict.fromkeys(
            DERIVED_EVENT_TYPES[name].source_types if name in DERIVED_EVENT_TYPES else (name,)
        )
    return tuple(found)
