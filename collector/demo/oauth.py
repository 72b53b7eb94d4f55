"""The app that may log in to the embedded org, and its access tokens."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field

ORGANIZATION_ID = "00D5f000005uVo7EAE"
INTEGRATION_USER_ID = "0055f00000CoLeCAAV"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectedApp:
    """The external client app that may log in, and its user.

    `public_key` is PEM; without one the JWT flow is not set up, without a `refresh_token` or a
    `password` neither is that flow. The secret is made up unless given.

    Attributes:
        security_token: what has to follow the password.
        rotates: whether each use of the refresh token brings another in its place.
        lock_after: so many wrong passwords in a row lock the user.
    """

    client_id: str = "3MVG9.acme.collector"
    client_secret: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    username: str = "collector@acme.com"
    user_id: str = INTEGRATION_USER_ID
    public_key: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    security_token: str = field(default="", repr=False)
    rotates: bool = False
    lock_after: int = 10
    audiences: frozenset[str] = frozenset({"https://login.salesforce.com"})


class OAuthError(Exception):
    """An error of the token endpoint: a JSON object, unlike those of the REST API."""

    def __init__(self, error: str, description: str, *, status: int = 400) -> None:
        super().__init__(description)
        self.status = status
        self.body = {"error": error, "error_description": description}


class AccessTokens:
    """The valid access tokens. Each is valid until it is expired, or for `uses` requests."""

    def __init__(self, uses: int | None) -> None:
        self._lock = threading.Lock()
        self._uses_per_token = uses
        self._uses_left: dict[str, int | None] = {}

    def issue_token(self) -> str:
        """A new token, `00D…!…`."""
        token = f"{ORGANIZATION_ID[:15]}!AR8AQ{secrets.token_urlsafe(60)}"
        with self._lock:
            self._uses_left[token] = self._uses_per_token
        return token

    def spend_token(self, token: str) -> bool:
        """Use a token once; return whether it was valid."""
        with self._lock:
            if token not in self._uses_left:
                return False
            uses_left = self._uses_left[token]
            if uses_left == 0:
                del self._uses_left[token]
                return False
            self._uses_left[token] = None if uses_left is None else uses_left - 1
            return True

    def expire_tokens(self) -> None:
        """Expire every token."""
        with self._lock:
            self._uses_left.clear()
