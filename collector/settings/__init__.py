"""The configuration: YAML with references to secrets, as typed and frozen settings."""

from collector.settings.loading import Loaded, load
from collector.settings.models import (
    Auth,
    ChannelSettings,
    ClientCredentialsAuth,
    EmailChannel,
    EventLogFileSource,
    JwtAuth,
    LoginHistorySource,
    Org,
    RouteSettings,
    RulesSettings,
    Settings,
    SetupAuditTrailSource,
    SlackChannel,
    Sources,
    StoredEventsSource,
    TerminalChannel,
)
from collector.settings.secret import Secret, secrets_in

__all__ = [
    "Auth",
    "ChannelSettings",
    "ClientCredentialsAuth",
    "EmailChannel",
    "EventLogFileSource",
    "JwtAuth",
    "Loaded",
    "LoginHistorySource",
    "Org",
    "RouteSettings",
    "RulesSettings",
    "Secret",
    "Settings",
    "SetupAuditTrailSource",
    "SlackChannel",
    "Sources",
    "StoredEventsSource",
    "TerminalChannel",
    "load",
    "secrets_in",
]
