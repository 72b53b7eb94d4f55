"""The token endpoint: client credentials, JWT bearer and refresh token; sessions and their end."""

from __future__ import annotations

import base64
import binascii
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import jwt
from jwt.types import Options

ORGANIZATION_ID = "00D5f000005uVo7EAE"
INTEGRATION_USER_ID = "0055f00000CoLeCAAV"
MAX_ASSERTION_LIFE = timedelta(minutes=3)
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"

_SIGNATURE_ONLY: Options = {
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """The external client app that may log in, and as whom.

    `public_key` is PEM; without one the JWT flow is not set up, without a `refresh_token` neither
    is that flow. The secret is made up unless given.
    """

    client_id: str = "3MVG9.acme.collector"
    client_secret: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    username: str = "collector@acme.com"
    user_id: str = INTEGRATION_USER_ID
    public_key: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    audiences: frozenset[str] = frozenset({"https://login.salesforce.com"})


class OAuthError(Exception):
    """An error of the token endpoint: a JSON object, unlike those of the REST API."""

    def __init__(self, error: str, description: str, *, status: int = 400) -> None:
        super().__init__(description)
        self.status = status
        self.body = {"error": error, "error_description": description}


class Sessions:
    """The access tokens that are alive. Each dies on command, or after `uses` requests."""

    def __init__(self, uses: int | None) -> None:
        self._lock = threading.Lock()
        self._uses = uses
        self._left: dict[str, int | None] = {}

    def open(self) -> str:
        """A new token, `00D…!…`."""
        token = f"{ORGANIZATION_ID[:15]}!AR8AQ{secrets.token_urlsafe(60)}"
        with self._lock:
            self._left[token] = self._uses
        return token

    def spend(self, token: str) -> bool:
        """Whether the token is alive; if so, one of its uses is gone."""
        with self._lock:
            if token not in self._left:
                return False
            left = self._left[token]
            if left == 0:
                del self._left[token]
                return False
            self._left[token] = None if left is None else left - 1
            return True

    def end(self) -> None:
        """End all of them."""
        with self._lock:
            self._left.clear()


Grant = Callable[[Mapping[str, str], Application, datetime], None]
"""An OAuth flow: returns when the form proves who asks, else raises OAuthError."""


class TokenEndpoint:
    """Trades proofs for sessions."""

    def __init__(self, application: Application, sessions: Sessions) -> None:
        self._application = application
        self._sessions = sessions
        self._grants: dict[str, Grant] = {
            "client_credentials": _client_credentials,
            "refresh_token": _refresh_token,
            JWT_BEARER: _AssertionOnce(),
        }

    def answer(
        self, form: Mapping[str, str], authorization: str, base_url: str, now: datetime
    ) -> dict[str, str]:
        """The token response. Raises OAuthError."""
        name = form.get("grant_type", "")
        grant = self._grants.get(name)
        if grant is None:
            raise OAuthError("unsupported_grant_type", "grant type not supported")
        grant({**form, **_basic(authorization)}, self._application, now)
        answer = {
            "access_token": self._sessions.open(),
            "scope": "api refresh_token",
            "instance_url": base_url,
            "id": f"{base_url}/id/{ORGANIZATION_ID}/{self._application.user_id}",
            "token_type": "Bearer",
        }
        if name == JWT_BEARER:
            return answer
        signature = base64.b64encode(secrets.token_bytes(32)).decode()
        issued_at = str(int(now.timestamp() * 1000))
        return {**answer, "signature": signature, "issued_at": issued_at}


def _basic(authorization: str) -> dict[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return {}
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise OAuthError("invalid_client", "invalid client credentials", status=401) from None
    return {"client_id": client_id, "client_secret": secret}


def _check_client(form: Mapping[str, str], application: Application) -> None:
    if form.get("client_id") != application.client_id:
        raise OAuthError("invalid_client_id", "client identifier invalid")
    secret = form.get("client_secret", "")
    if not secrets.compare_digest(secret.encode(), application.client_secret.encode()):
        raise OAuthError("invalid_client", "invalid client credentials", status=401)


def _client_credentials(form: Mapping[str, str], application: Application, _: datetime) -> None:
    _check_client(form, application)


def _refresh_token(form: Mapping[str, str], application: Application, _: datetime) -> None:
    if form.get("client_id") != application.client_id or "client_secret" in form:
        _check_client(form, application)
    if application.refresh_token is None or form.get("refresh_token") != application.refresh_token:
        raise OAuthError("invalid_grant", "expired access/refresh token")


class _AssertionOnce:
    """The JWT flow. An assertion with a `jti` counts once."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def __call__(self, form: Mapping[str, str], application: Application, now: datetime) -> None:
        claims = _claims(form.get("assertion", ""), application)
        if claims.get("iss") != application.client_id:
            raise OAuthError("invalid_client_id", "client identifier invalid")
        if claims.get("sub") != application.username:
            raise OAuthError("invalid_grant", "user hasn't approved this consumer")
        if str(claims.get("aud")) not in application.audiences:
            raise OAuthError("invalid_grant", "audience is invalid")
        _check_expiry(claims.get("exp"), now)
        self._check_replay(claims)

    def _check_replay(self, claims: Mapping[str, Any]) -> None:
        if "jti" not in claims:
            return
        identifier = str(claims["jti"])
        if identifier in self._seen:
            raise OAuthError("invalid_grant", "invalid assertion: it was used before")
        self._seen.add(identifier)


def _claims(assertion: str, application: Application) -> dict[str, Any]:
    if application.public_key is None:
        raise OAuthError("invalid_grant", "invalid assertion")
    try:
        return jwt.decode(
            assertion, application.public_key, algorithms=["RS256"], options=_SIGNATURE_ONLY
        )
    except jwt.InvalidTokenError:
        raise OAuthError("invalid_grant", "invalid assertion") from None


def _check_expiry(expiry: Any, now: datetime) -> None:
    """A number or its text, at most three minutes ahead."""
    try:
        left = timedelta(seconds=float(expiry) - now.timestamp())
    except (TypeError, ValueError, OverflowError):
        raise OAuthError("invalid_grant", "invalid assertion") from None
    if not timedelta(0) < left <= MAX_ASSERTION_LIFE:
        raise OAuthError("invalid_grant", "expired authorization code or invalid expiry")
