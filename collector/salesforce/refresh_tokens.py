"""The newest refresh token of an org, where each use may bring another in its place."""

from __future__ import annotations

import json

from collector.errors import SalesforceError
from collector.salesforce.token_store import TokenStore
from collector.settings import OrgSettings, RefreshTokenAuth, Secret
from collector.stable_ids import FULL_DIGITS, hash_text


class RefreshTokens:
    """One org's refresh token: as configured, or as the org has replaced it since.

    The replaced one counts until the configured one changes. Every method may raise
    SalesforceError where the store fails.
    """

    def __init__(self, org: str, token_store: TokenStore) -> None:
        self._org = org
        self._token_store = token_store
        self._pending_content: bytes | None = None

    def apply_newest_token(self, org: OrgSettings) -> OrgSettings:
        """The org as configured, with the newest token in its settings.

        Nothing is asked of an org while a token that it gave is not safe.
        """
        if not isinstance(org.auth, RefreshTokenAuth):
            return org
        self._save_pending()
        newest = self._read_stored_token(org.auth.refresh_token) or org.auth.refresh_token
        return org.model_copy(
            update={"auth": org.auth.model_copy(update={"refresh_token": newest})}
        )

    def replace_token(self, org: OrgSettings, new_token: Secret) -> None:
        """Store what the org gave in the place of the configured token, for good."""
        if isinstance(org.auth, RefreshTokenAuth):
            document = {
                "refresh_token": new_token.reveal(),
                "in_place_of": _hash_token(org.auth.refresh_token),
            }
            self._pending_content = json.dumps(document).encode()
            self._save_pending()

    def _save_pending(self) -> None:
        if self._pending_content is not None:
            self._token_store.write(self._org, self._pending_content)
            self._pending_content = None

    def _read_stored_token(self, configured: Secret) -> Secret | None:
        content = self._token_store.read(self._org)
        if content is None:
            return None
        try:
            document = json.loads(content)
            token, replaced_hash = document["refresh_token"], document["in_place_of"]
        except (ValueError, LookupError, TypeError):
            raise SalesforceError(
                f"{self._org}: login: the stored refresh token is damaged: authorize the app"
                " again, configure the new token and remove the file"
            ) from None
        return Secret(token) if replaced_hash == _hash_token(configured) else None


def _hash_token(token: Secret) -> str:
    """What tells one token from another and cannot be turned back; tokens are long and random."""
    return hash_text(token.reveal(), digits=FULL_DIGITS)
