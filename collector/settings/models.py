"""The settings themselves: frozen pydantic models, with the defaults that work."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)

from collector.loopback import is_loopback
from collector.model import Severity
from collector.settings.secret import Secret
from collector.settings.values import (
    ApiVersion,
    ChannelName,
    Duration,
    EmailAddress,
    FilePath,
    Host,
    ListName,
    ListValue,
    LoginUrl,
    OrgName,
    Period,
    Port,
    ProxyUrl,
    ReadablePath,
    SecretUrl,
    SeverityName,
    TextLine,
    TypePattern,
)


class SettingsModel(BaseModel):
    """What all settings have in common: frozen, strict about names, silent about values."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, populate_by_name=True
    )

    @model_validator(mode="before")
    @classmethod
    def _drop_empty_keys(cls, data: Any, info: ValidationInfo) -> Any:
        """In a file (only then is there a context) `key:` without a value is no key."""
        if info.context is None or not isinstance(data, dict):
            return data
        known = list_model_keys(cls)
        return {key: value for key, value in data.items() if value is not None or key not in known}


def list_model_keys(model: type[BaseModel]) -> Mapping[str, Any]:
    """The keys that a file may hold for that model, each with the type of its value."""
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


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


class EventLogFileSettings(SettingsModel):
    """EventLogFile. A file is fetched `settle` after it was created, none older than `lookback`."""

    every: Period = timedelta(minutes=10)
    interval: Literal["auto", "hourly", "daily"] = "auto"
    event_types: Annotated[tuple[TypePattern, ...], Field(min_length=1)] = ("*",)
    settle: Duration = timedelta(minutes=5)
    lookback: Duration = timedelta(hours=24)


class StoredEventsSettings(SettingsModel):
    """Stored Real-Time events. `overlap` is how far a poll looks back for latecomers."""

    every: Period = timedelta(minutes=1)
    objects: Annotated[tuple[TypePattern, ...], Field(min_length=1)] = ("*",)
    overlap: Duration = timedelta(minutes=10)
    lookback: Duration = timedelta(hours=24)


class SetupAuditTrailSettings(SettingsModel):
    """SetupAuditTrail."""

    every: Period = timedelta(minutes=1)
    overlap: Duration = timedelta(minutes=10)
    lookback: Duration = timedelta(hours=24)


class LoginHistorySettings(SettingsModel):
    """LoginHistory."""

    every: Period = timedelta(minutes=5)
    overlap: Duration = timedelta(minutes=10)
    lookback: Duration = timedelta(hours=24)


class BulkJobsSettings(SettingsModel):
    """The job resources of the Bulk API. At first, jobs older than `lookback` are not told of."""

    every: Period = timedelta(minutes=1)
    lookback: Duration = timedelta(hours=24)


class OauthTokensSettings(SettingsModel):
    """OauthToken. What is there the first time is where differences are counted from."""

    every: Period = timedelta(minutes=15)


class OrgLimitsSettings(SettingsModel):
    """The org's limits."""

    every: Period = timedelta(hours=1)


class EventLogObjectsSettings(SettingsModel):
    """Event log objects, such as LoginEventLog: they repeat what is in event log files."""

    every: Period = timedelta(minutes=10)
    objects: Annotated[tuple[TypePattern, ...], Field(min_length=1)] = ("*",)
    overlap: Duration = timedelta(hours=1)
    lookback: Duration = timedelta(hours=24)


def _parse_switch(value: Any) -> Any:
    if value is False:
        return None
    return {} if value is True else value


SourceSwitch = BeforeValidator(_parse_switch)
"""`false` turns a source off, `true` leaves it at its defaults."""


class SourcesSettings(SettingsModel):
    """What is polled. None is a source that is turned off."""

    event_log_file: Annotated[EventLogFileSettings | None, SourceSwitch] = EventLogFileSettings()
    stored_events: Annotated[StoredEventsSettings | None, SourceSwitch] = StoredEventsSettings()
    setup_audit_trail: Annotated[SetupAuditTrailSettings | None, SourceSwitch] = (
        SetupAuditTrailSettings()
    )
    login_history: Annotated[LoginHistorySettings | None, SourceSwitch] = LoginHistorySettings()
    bulk_jobs: Annotated[BulkJobsSettings | None, SourceSwitch] = BulkJobsSettings()
    oauth_tokens: Annotated[OauthTokensSettings | None, SourceSwitch] = OauthTokensSettings()
    org_limits: Annotated[OrgLimitsSettings | None, SourceSwitch] = OrgLimitsSettings()
    event_log_objects: Annotated[EventLogObjectsSettings | None, SourceSwitch] = None


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


def _choose_list_tag(value: Any) -> str:
    return "file" if isinstance(value, dict | ListFileSettings) else "values"


ListSettings = Annotated[
    Annotated[tuple[ListValue, ...], Tag("values")] | Annotated[ListFileSettings, Tag("file")],
    Discriminator(_choose_list_tag),
]


class RulesSettings(SettingsModel):
    """`paths` are added to the shipped pack, `disable` (ids, names or globs) taken away.

    `lists` are added to the shipped value lists of the same names.
    """

    paths: tuple[FilePath, ...] = ()
    disable: tuple[TextLine, ...] = ()
    lists: Mapping[ListName, ListSettings] = Field(default_factory=dict)


class RouteSettings(SettingsModel):
    """Which alerts go to which channels. Empty `rules` and `orgs` mean all; globs are allowed."""

    channels: Annotated[tuple[ChannelName, ...], Field(min_length=1)]
    min_severity: SeverityName = Severity.INFORMATIONAL
    rules: tuple[TextLine, ...] = ()
    orgs: tuple[TextLine, ...] = ()
    proceed: bool = Field(default=False, alias="continue")


# ---- channels


class ChannelSettings(SettingsModel):
    """What the settings of every channel have in common: what kind of channel it is."""

    type: str


class SlackSettings(ChannelSettings):
    """An incoming webhook of Slack."""

    type: Literal["slack"] = "slack"
    webhook_url: SecretUrl


class EmailSettings(ChannelSettings):
    """A mail server and the people it tells."""

    type: Literal["email"] = "email"
    host: Host
    port: Port = 587
    allow_plaintext: bool = False
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    username: TextLine | None = None
    password: Secret | None = Field(default=None, validate_default=True)
    sender: EmailAddress = Field(alias="from")
    to: Annotated[tuple[EmailAddress, ...], Field(min_length=1)]
    ca_file: FilePath | None = None

    @field_validator("tls")
    @classmethod
    def _forbid_plaintext(cls, tls: str, info: ValidationInfo) -> str:
        if tls != "none" or not {"host", "allow_plaintext"} <= info.data.keys():
            return tls
        if info.data["allow_plaintext"] or is_loopback(info.data["host"]):
            return tls
        raise ValueError(
            "mail would cross the network unencrypted: use starttls or implicit, "
            "or set 'allow_plaintext: true'"
        )

    @field_validator("password")
    @classmethod
    def _check_credentials(cls, password: Secret | None, info: ValidationInfo) -> Secret | None:
        if "username" in info.data and (info.data["username"] is None) != (password is None):
            raise ValueError("'username' and 'password' belong together: one of them is missing")
        return password


class TerminalSettings(ChannelSettings):
    """The terminal that the collector runs in."""

    type: Literal["terminal"] = "terminal"


# ---- all of it


class Settings(SettingsModel):
    """The whole file. All paths are absolute when it was loaded from one."""

    state_dir: FilePath = Field(default=Path("state"), validate_default=True)
    database_url: Secret | None = None
    orgs: Annotated[tuple[OrgSettings, ...], Field(min_length=1)]
    rules: RulesSettings = RulesSettings()
    channels: Mapping[
        ChannelName,
        Annotated[SlackSettings | EmailSettings | TerminalSettings, Field(discriminator="type")],
    ] = Field(default_factory=dict)
    routes: tuple[RouteSettings, ...] = ()
