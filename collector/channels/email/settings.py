"""What the configuration of an e-mail channel holds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from collector.loopback import is_loopback
from collector.settings import ChannelSettings, Secret
from collector.settings.values import EmailAddress, FilePath, Host, Port, TextLine


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
