"""What each OAuth flow sends to the token endpoint."""

from __future__ import annotations

from datetime import datetime

import httpx
import jwt

from collector.errors import LoginRefusedError
from collector.loopback import is_loopback
from collector.settings import (
    ClientCredentialsAuth,
    JwtAuth,
    OrgSettings,
    PasswordAuth,
    RefreshTokenAuth,
    Secret,
)

ASSERTION_SECONDS = 120
"""Salesforce takes assertions of at most three minutes; the rest is for clocks that differ."""

PRODUCTION_URL, SANDBOX_URL = "https://login.salesforce.com", "https://test.salesforce.com"

_JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def build_token_form(org: OrgSettings, *, issued_at: datetime) -> dict[str, str]:
    """The form that asks for a token at that moment of the org's clock.

    Raises:
        LoginRefusedError: the private key is none; nothing was asked.
    """
    match org.auth:
        case JwtAuth() as auth:
            return {"grant_type": _JWT_GRANT, "assertion": _sign_assertion(org, auth, issued_at)}
        case ClientCredentialsAuth() as auth:
            return {
                "grant_type": "client_credentials",
                **_build_client_fields(auth.client_id, auth.client_secret),
            }
        case RefreshTokenAuth() as auth:
            token = {"refresh_token": auth.refresh_token.reveal()}
            client = _build_client_fields(auth.client_id, auth.client_secret)
            return {"grant_type": "refresh_token", **client, **token}
        case PasswordAuth() as auth:
            return {
                "grant_type": "password",
                **_build_client_fields(auth.client_id, auth.client_secret),
                **_build_user_fields(auth),
            }


def choose_audience(org: OrgSettings) -> str:
    """The audience of an assertion: the configured one, else Salesforce's production or sandboxes'.

    Not the My Domain, which Salesforce has refused; but an org on this machine is its own.
    """
    if isinstance(org.auth, JwtAuth) and org.auth.audience:
        return org.auth.audience
    host = httpx.URL(org.login_url).host
    if is_loopback(host):
        return org.login_url
    return SANDBOX_URL if _is_sandbox(host) else PRODUCTION_URL


def _is_sandbox(host: str) -> bool:
    """Whether an org is a sandbox, by its My Domain of today (`acme--uat.sandbox.my.…`) or of old.

    Scratch orgs are sandboxes to the token endpoint; developer orgs and playgrounds are not.
    """
    name, _, rest = host.partition(".")
    partition = rest.partition(".")[0]
    return host == "test.salesforce.com" or partition in {"sandbox", "scratch"} or "--" in name


def _sign_assertion(org: OrgSettings, auth: JwtAuth, issued_at: datetime) -> str:
    claims = {
        "iss": auth.client_id,
        "sub": auth.username,
        "aud": choose_audience(org),
        "exp": int(issued_at.timestamp()) + ASSERTION_SECONDS,
    }
    try:
        return jwt.encode(claims, auth.private_key.reveal(), algorithm="RS256")
    except (jwt.PyJWTError, ValueError, TypeError):
        raise LoginRefusedError(
            f"{org.name}: private_key is no RSA key in PEM form without a passphrase",
            permanent=True,
        ) from None


def _build_client_fields(client_id: str, secret: Secret | None) -> dict[str, str]:
    return {"client_id": client_id} | ({"client_secret": secret.reveal()} if secret else {})


def _build_user_fields(auth: PasswordAuth) -> dict[str, str]:
    token = auth.security_token.reveal() if auth.security_token else ""
    return {"username": auth.username, "password": auth.password.reveal() + token}
