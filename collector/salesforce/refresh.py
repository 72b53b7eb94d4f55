"""The newest refresh token of an org, where each use may bring another in its place."""

from __future__ import annotations

import hashlib
import json

from collector.errors import SalesforceError
from collector.salesforce.vault import Vault
from collector.settings import Org, RefreshTokenAuth, Secret


class RefreshTokens:
    """One org's refresh token: as configured, or as the org has replaced it since.

    The replaced one counts until the configured one changes. Every method may raise
    SalesforceError where the vault fails.
    """

    def __init__(self, org: str, vault: Vault) -> None:
        self._org = org
        self._vault = vault
        self._unsaved: bytes | None = None

    def apply(self, org: Org) -> Org:
        """The org as configured, with the newest token in its settings.

        Nothing is asked of an org while a token that it gave is not safe.
        """
        if not isinstance(org.auth, RefreshTokenAuth):
            return org
        self._save()
        newest = self._stored(org.auth.refresh_token) or org.auth.refresh_token
        return org.model_copy(
            update={"auth": org.auth.model_copy(update={"refresh_token": newest})}
        )

    def replace(self, org: Org, newer: Secret) -> None:
        """Store what the org gave in the place of the configured token, for good."""
        if isinstance(org.auth, RefreshTokenAuth):
            document = {
                "refresh_token": newer.reveal(),
                "in_place_of": _digest(org.auth.refresh_token),
            }
            self._unsaved = json.dumps(document).encode()
            self._save()

    def _save(self) -> None:
        if self._unsaved is not None:
            self._vault.write(self._org, self._unsaved)
            self._unsaved = None

    def _stored(self, configured: Secret) -> Secret | None:
        content = self._vault.read(self._org)
        if content is None:
            return None
        try:
            document = json.loads(content)
            token, replaced = document["refresh_token"], document["in_place_of"]
        except (ValueError, LookupError, TypeError):
            raise SalesforceError(
                f"{self._org}: login: the stored refresh token is damaged: authorize the app"
                " again, configure the new token and remove the file"
            ) from None
        return Secret(token) if replaced == _digest(configured) else None


def _digest(token: Secret) -> str:
    """What tells one token from another and cannot be turned back; tokens are long and random."""
    return hashlib.sha256(token.reveal().encode()).hexdigest()
