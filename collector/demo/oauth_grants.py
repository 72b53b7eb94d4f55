"""The OAuth flows of the embedded org: one class or function for each."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import jwt

from collector.demo.oauth import ConnectedApp, OAuthError

if TYPE_CHECKING:  # jwt is loaded by whoever verifies a token
    from jwt.types import Options

MAX_ASSERTION_LIFE = timedelta(minutes=3)

_SIGNATURE_ONLY: Options = {
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}

OAuthGrant = Callable[[Mapping[str, str], ConnectedApp, datetime], Mapping[str, str]]
"""An OAuth flow, which returns further members of the token response. Raises OAuthError."""


def grant_client_credentials(
    form: Mapping[str, str], application: ConnectedApp, _: datetime
) -> Mapping[str, str]:
    """The client credentials flow."""
    _check_client(form, application)
    return {}


class RefreshTokenGrant:
    """The refresh token flow. One token is valid at a time."""

    def __init__(self, token: str | None) -> None:
        self._lock = threading.Lock()
        self._token = token

    def __call__(
        self, form: Mapping[str, str], application: ConnectedApp, _: datetime
    ) -> Mapping[str, str]:
        """The next refresh token, where the app rotates them; else nothing."""
        if form.get("client_id") != application.client_id or "client_secret" in form:
            _check_client(form, application)
        with self._lock:
            if self._token is None or form.get("refresh_token") != self._token:
                raise OAuthError("invalid_grant", "expired access/refresh token")
            if not application.rotates:
                return {}
            self._token = f"5Aep861{secrets.token_urlsafe(48)}"
            return {"refresh_token": self._token}


class PasswordGrant:
    """The username-password flow. Wrong passwords in a row lock the user."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wrong_count = 0

    @property
    def wrong_count(self) -> int:
        """The number of wrong passwords since the last right one."""
        with self._lock:
            return self._wrong_count

    def __call__(
        self, form: Mapping[str, str], application: ConnectedApp, _: datetime
    ) -> Mapping[str, str]:
        """No further members."""
        if application.password is None:
            raise OAuthError("unsupported_grant_type", "grant type not supported")
        _check_client(form, application)
        expected = (application.username, application.password + application.security_token)
        with self._lock:
            if self._wrong_count >= application.lock_after:
                raise OAuthError("invalid_grant", "user is locked")
            if (form.get("username"), form.get("password")) != expected:
                self._wrong_count += 1
                raise OAuthError("invalid_grant", "authentication failure")
            self._wrong_count = 0
        return {}


class JwtBearerGrant:
    """The JWT flow. An assertion with a `jti` counts once."""

    def __init__(self) -> None:
        self._used_identifiers: set[str] = set()

    def __call__(
        self, form: Mapping[str, str], application: ConnectedApp, now: datetime
    ) -> Mapping[str, str]:
        """No further members."""
        claims = _decode_claims(form.get("assertion", ""), application)
        if claims.get("iss") != application.client_id:
            raise OAuthError("invalid_client_id", "client identifier invalid")
        if claims.get("sub") != application.username:
            raise OAuthError("invalid_grant", "user hasn't approved this consumer")
        if str(claims.get("aud")) not in application.audiences:
            raise OAuthError("invalid_grant", "audience is invalid")
        _check_expiry(claims.get("exp"), now)
        self._check_replay(claims)
        return {}

    def _check_replay(self, claims: Mapping[str, Any]) -> None:
        if "jti" not in claims:
            return
        identifier = str(claims["jti"])
        if identifier in self._used_identifiers:
            raise OAuthError("invalid_grant", "invalid assertion: it was used before")
        self._used_identifiers.add(identifier)


def _decode_claims(assertion: str, application: ConnectedApp) -> dict[str, Any]:
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


def _check_client(form: Mapping[str, str], application: ConnectedApp) -> None:
    if form.get("client_id") != application.client_id:
        raise OAuthError("invalid_client_id", "client identifier invalid")
    secret = form.get("client_secret", "")
    if not secrets.compare_digest(secret.encode(), application.client_secret.encode()):
        raise OAuthError("invalid_client", "invalid client credentials", status=401)
