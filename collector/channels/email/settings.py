"""What the configuration of an e-mail channel holds."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from collector.loopback import is_loopback
from collector.settings import ChannelSettings, Secret
from collector.settings.values import EmailAddress, FilePath, Host, Port, TextLine

_HELO_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,254}|\[[A-Za-z0-9.:]{1,60}\]")


def _check_helo(name: str) -> str:
    if not _HELO_PATTERN.fullmatch(name):
        raise ValueError("must be the name of a host, or an address in brackets: [192.0.2.1]")
    return name


HeloName = Annotated[str, AfterValidator(_check_helo)]
"""The name by which we greet a mail server (RFC 5321, 4.1.1.1 and 4.1.3)."""


class EmailSettings(ChannelSettings):
    """A mail server and the people it tells.

    `helo`: the name by which we greet it; without one, this machine's if it has a domain, else the
    address from which we are connected.
    """

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
    helo: HeloName | None = None

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
