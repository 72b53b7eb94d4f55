"""The settings themselves: frozen pydantic models, with the defaults that work."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    PrivateAttr,
    Tag,
    ValidationInfo,
    field_validator,
)

from collector.disk_space import DEFAULT_RESERVE_BYTES
from collector.model import Severity
from collector.settings.archive_settings import ArchiveSettings
from collector.settings.directory_settings import UserClaimsSettings
from collector.settings.geoip_settings import GeoIpSettings
from collector.settings.rules_source import RulesSource
from collector.settings.secret import Secret
from collector.settings.settings_model import SettingsModel
from collector.settings.tune_settings import TuneSettings
from collector.settings.values import (
    ApiVersion,
    ByteCount,
    ChannelName,
    FilePath,
    ListName,
    ListValue,
    LoginUrl,
    MemorySize,
    OrgName,
    Period,
    ProxyUrl,
    ReadablePath,
    SeverityName,
    SnapshotCount,
    TextLine,
    ThreadCount,
    refuse_boolean,
)

# ---- orgs


class JwtAuth(SettingsModel):
    """The OAuth 2.0 JWT bearer flow. `private_key` is PEM text."""

    flow: Literal["jwt"] = "jwt"
    client_id: TextLine
    username: TextLine
    private_key: Secret
    audience: TextLine | None = None


class ClientCredentialsAuth(SettingsModel):
    """The OAuth 2.0 client credentials flow."""

    flow: Literal["client_credentials"] = "client_credentials"
    client_id: TextLine
    client_secret: Secret


class RefreshTokenAuth(SettingsModel):
    """The OAuth 2.0 refresh token flow, after somebody has authorized the app once."""

    flow: Literal["refresh_token"] = "refresh_token"
    client_id: TextLine
    client_secret: Secret | None = None
    refresh_token: Secret


class PasswordAuth(SettingsModel):
    """The OAuth 2.0 username-password flow, which Salesforce is doing away with."""

    flow: Literal["password"] = "password"
    client_id: TextLine
    client_secret: Secret
    username: TextLine
    password: Secret
    security_token: Secret | None = None


AuthSettings = JwtAuth | ClientCredentialsAuth | RefreshTokenAuth | PasswordAuth


class SourceSettings(SettingsModel):
    """What the settings of every source have in common: how often it is polled."""

    every: Period

    def list_type_patterns(self) -> Mapping[str, tuple[str, ...]]:
        """What event types must match to be read, by the key that says so; empty: all are."""
        return {}


SourceSettingsT = TypeVar("SourceSettingsT", bound=SourceSettings)


class SourcesSettings(SettingsModel):
    """What is polled: `compose_settings` adds a field for each kind of source."""

    def find_settings(self, kind: str, model: type[SourceSettingsT]) -> SourceSettingsT | None:
        """The settings of a source, which are of that model; None where it is turned off."""
        settings = getattr(self, kind)
        return settings if isinstance(settings, model) else None


_SHARED_HOSTS = frozenset({"login.salesforce.com", "test.salesforce.com"})


class OrgSettings(SettingsModel):
    """A Salesforce org. `login_url` has no path and no trailing slash."""

    name: OrgName
    login_url: LoginUrl
    auth: Annotated[AuthSettings, Field(discriminator="flow")]
    api_version: ApiVersion | None = None
    api_budget_percent: Annotated[int, Field(ge=1, le=100)] = 10
    ca_file: FilePath | None = None
    proxy: ProxyUrl | None = None
    sources: SourcesSettings = SourcesSettings()

    @field_validator("auth")
    @classmethod
    def _check_login_host(cls, auth: AuthSettings, info: ValidationInfo) -> AuthSettings:
        host = urlsplit(info.data.get("login_url", "")).hostname
        if isinstance(auth, ClientCredentialsAuth) and host in _SHARED_HOSTS:
            raise ValueError(
                f"{host} refuses the client_credentials flow: set 'login_url' to the org's My"
                " Domain, as in https://acme.my.salesforce.com"
            )
        return auth


# ---- rules and routes


class ListFileSettings(SettingsModel):
    """A file with the entries of a value list: YAML, or one value or network a line."""

    file: ReadablePath


def _choose_entry_tag(value: Any) -> str:
    return "attributes" if isinstance(value, Mapping) else "value"


def _choose_list_tag(value: Any) -> str:
    return "file" if isinstance(value, dict | ListFileSettings) else "values"


ListEntrySettings = Annotated[
    Annotated[ListValue, Tag("value")] | Annotated[Mapping[str, Any], Tag("attributes")],
    Discriminator(_choose_entry_tag),
]
"""A value, or an entry with attributes as files of lists have it, which lists check."""

ListSettings = Annotated[
    Annotated[tuple[ListEntrySettings, ...], Tag("values")]
    | Annotated[ListFileSettings, Tag("file")],
    Discriminator(_choose_list_tag),
]


class RulesSettings(SettingsModel):
    """`paths` are added to the shipped pack, `disable` (ids, names or globs) taken away.

    `lists` are added to the shipped value lists of the same names. `tune` is by name, id or glob.
    """

    paths: tuple[FilePath, ...] = ()
    disable: tuple[TextLine, ...] = ()
    lists: Mapping[ListName, ListSettings] = Field(default_factory=dict)
    tune: Mapping[TextLine, TuneSettings] = Field(default_factory=dict)
    _source: RulesSource = PrivateAttr(default=RulesSource())

    @property
    def source(self) -> RulesSource:
        """Where they are written."""
        return self._source

    def place_settings(self, source: RulesSource) -> Self:
        """The same settings, known to be written there."""
        placed = self.model_copy()
        placed._source = source  # noqa: SLF001 - a copy of its own
        return placed


class RouteSettings(SettingsModel):
    """Which alerts go to which channels. Empty `rules` and `orgs` mean all; globs are allowed."""

    channels: Annotated[tuple[ChannelName, ...], Field(min_length=1)]
    min_severity: SeverityName = Severity.INFORMATIONAL
    rules: tuple[TextLine, ...] = ()
    orgs: tuple[TextLine, ...] = ()
    proceed: bool = Field(default=False, alias="continue")


# ---- channels


class StormSettings(SettingsModel):
    """From how many messages within a window on those below critical come as digests."""

    messages: Annotated[int, BeforeValidator(refuse_boolean), Field(ge=1, le=10_000)] = 20
    window: Period = timedelta(minutes=5)


class ChannelSettings(SettingsModel):
    """What the settings of every channel have in common: its kind, storms, and who stands in.

    `fallback` names the channels that take critical alerts while this one does not, after
    `fallback_after` of failing or at once when it refuses. None: whoever else is told of that org.
    """

    type: str
    storm: StormSettings = StormSettings()
    fallback: tuple[ChannelName, ...] | None = None
    fallback_after: Period = timedelta(minutes=5)


# ---- the machine


class EngineSettings(SettingsModel):
    """What the engine of rules and archive may take. None is what fits this machine.

    `memory` is in bytes; the process holds some more than the engine.
    """

    threads: ThreadCount | None = None
    memory: MemorySize | None = None


class BackupSettings(SettingsModel):
    """Snapshots of the state that the daemon keeps, in `dir` or in `state_dir`/snapshots.

    The `keep` newest stay, and the last one of each of the last `days` on which there was any.
    """

    every: Period = timedelta(hours=1)
    keep: SnapshotCount = 3
    days: SnapshotCount = 7
    dir: FilePath | None = None


# ---- all of it


class Settings(SettingsModel):
    """The whole file. All paths are absolute when it was loaded from one.

    What sources and channels may be configured in it, `compose_settings` adds.
    """

    state_dir: FilePath = Field(default=Path("state"), validate_default=True)
    database_url: Secret | None = None
    disk_reserve: ByteCount = DEFAULT_RESERVE_BYTES
    engine: EngineSettings = EngineSettings()
    backup: BackupSettings = BackupSettings()
    orgs: Annotated[tuple[OrgSettings, ...], Field(min_length=1)]
    rules: RulesSettings = RulesSettings()
    directory: UserClaimsSettings = UserClaimsSettings()
    channels: Mapping[ChannelName, ChannelSettings] = Field(default_factory=dict)
    routes: tuple[RouteSettings, ...] = ()
    archive: ArchiveSettings = ArchiveSettings()
    geoip: GeoIpSettings = GeoIpSettings()
