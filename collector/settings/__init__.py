"""The configuration: YAML with references to secrets, as typed and frozen settings."""

from collector.settings.composition import SettingsModels, compose_settings
from collector.settings.loader import LoadedSettings, read_settings
from collector.settings.models import (
    AuthSettings,
    ChannelSettings,
    ClientCredentialsAuth,
    EngineSettings,
    JwtAuth,
    ListFileSettings,
    OrgSettings,
    PasswordAuth,
    RefreshTokenAuth,
    RouteSettings,
    RulesSettings,
    Settings,
    SourceSettings,
    SourcesSettings,
)
from collector.settings.secret import Secret, list_secrets

__all__ = [
    "AuthSettings",
    "ChannelSettings",
    "ClientCredentialsAuth",
    "EngineSettings",
    "JwtAuth",
    "ListFileSettings",
    "LoadedSettings",
    "OrgSettings",
    "PasswordAuth",
    "RefreshTokenAuth",
    "RouteSettings",
    "RulesSettings",
    "Secret",
    "Settings",
    "SettingsModels",
    "SourceSettings",
    "SourcesSettings",
    "compose_settings",
    "list_secrets",
    "read_settings",
]
