"""The token endpoint of the embedded org: checks grants and issues access tokens."""

from __future__ import annotations

import base64
import binascii
import secrets
import threading
from collections.abc import Mapping
from datetime import datetime

from collector.demo.oauth import ORGANIZATION_ID, AccessTokens, ConnectedApp, OAuthError
from collector.demo.oauth_grants import (
    JwtBearerGrant,
    OAuthGrant,
    PasswordGrant,
    RefreshTokenGrant,
    grant_client_credentials,
)

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class TokenEndpoint:
    """Checks grants and issues access tokens."""

    def __init__(self, application: ConnectedApp, access_tokens: AccessTokens) -> None:
        self._application = application
        self._access_tokens = access_tokens
        self._revoked = threading.Event()
        self.password_grant = PasswordGrant()
        self._grants: dict[str, OAuthGrant] = {
            "client_credentials": grant_client_credentials,
            "refresh_token": RefreshTokenGrant(application.refresh_token),
            "password": self.password_grant,
            JWT_BEARER: JwtBearerGrant(),
        }

    def revoke_approval(self) -> None:
        """Revoke the app's approval: every token expires, and no login succeeds."""
        self._revoked.set()
        self._access_tokens.expire_tokens()

    def restore_approval(self) -> None:
        """Approve the app again."""
        self._revoked.clear()

    def issue_token(
        self, form: Mapping[str, str], authorization: str, base_url: str, now: datetime
    ) -> dict[str, str]:
        """The token response. Raises OAuthError."""
        name = form.get("grant_type", "")
        grant = self._grants.get(name)
        if grant is None:
            raise OAuthError("unsupported_grant_type", "grant type not supported")
        if self._revoked.is_set():
            raise OAuthError("invalid_app_access", "user is not admin approved to access this app")
        extra = grant({**form, **_parse_basic_auth(authorization)}, self._application, now)
        response = {
            "access_token": self._access_tokens.issue_token(),
            "scope": "api refresh_token",
            "instance_url": base_url,
            "id": f"{base_url}/id/{ORGANIZATION_ID}/{self._application.user_id}",
            "token_type": "Bearer",
            **extra,
        }
        if name == JWT_BEARER:
            return response
        signature = base64.b64encode(secrets.token_bytes(32)).decode()
        issued_at = str(int(now.timestamp() * 1000))
        return {**response, "signature": signature, "issued_at": issued_at}


def _parse_basic_auth(authorization: str) -> dict[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return {}
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise OAuthError("invalid_client", "invalid client credentials", status=401) from None
    return {"client_id": client_id, "client_secret": secret}
