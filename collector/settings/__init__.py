"""The configuration: YAML with references to secrets, as typed and frozen settings."""

from collector.settings.archive_settings import ArchiveSettings
from collector.settings.composition import SettingsModels, compose_settings
from collector.settings.loader import LoadedSettings, read_settings
from collector.settings.models import (
    AuthSettings,
    BackupSettings,
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
from collector.settings.rules_source import RulesSource
from collector.settings.secret import Secret, list_secrets
from collector.settings.tune_settings import TuneSettings

__all__ = [
    "ArchiveSettings",
    "AuthSettings",
    "BackupSettings",
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
    "RulesSource",
    "Secret",
    "Settings",
    "SettingsModels",
    "SourceSettings",
    "SourcesSettings",
    "TuneSettings",
    "compose_settings",
    "list_secrets",
    "read_settings",
]
