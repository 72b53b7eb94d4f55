"""Logs in to one org: flow, clock, throttle and refresh token put together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import httpx

from collector import clock
from collector.errors import LoginRefusedError, SessionExpiredError, UnreachableError
from collector.http import allow_finish, limit_time
from collector.salesforce import oauth_flows
from collector.salesforce.login_throttle import LoginLimits, LoginThrottle
from collector.salesforce.refresh_tokens import RefreshTokens
from collector.salesforce.token_request import AccessToken, TokenDenial, TokenGrant, request_token
from collector.salesforce.token_store import MemoryTokenStore, TokenStore
from collector.settings import OrgSettings

NEGLIGIBLE_SKEW = timedelta(minutes=1)
"""An assertion survives clocks that differ by less."""


MAX_LOGIN_SECONDS = 60.0
FINISH_SECONDS = 5.0
"""How long a login goes on after the stop."""


class Authenticator:
    """Logs in to one org, one login at a time, and no more often than its limits allow.

    Args:
        org: its settings.
        http: the client that the token endpoint is asked with.
        token_store: what remembers failed logins and replaced refresh tokens; else this object.
        login_limits: how often; as a person at a terminal unless given.
        now: our clock.
    """

    def __init__(
        self,
        org: OrgSettings,
        http: httpx.Client,
        *,
        token_store: TokenStore | None = None,
        login_limits: LoginLimits | None = None,
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        self._org = org
        self._http = http
        self._token_store = token_store or MemoryTokenStore()
        self._now = now
        self._throttle = LoginThrottle(
            org.name, self._token_store, login_limits=login_limits or LoginLimits(), now=now
        )
        self._refresh_tokens = RefreshTokens(org.name, self._token_store)

    def obtain_token(self, clock_skew: timedelta | None = None) -> AccessToken:
        """A new access token; a refresh token that came with it has been stored.

        Asks once; and once more with the org's time, if ours may have been what was refused.

        Args:
            clock_skew: the org's clock minus ours, if it is known.

        Raises:
            LoginRefusedError: the org refused, or it is too early to ask; it says what to change.
            SessionExpiredError: too many logins were needed.
            UnreachableError: there was no verdict.
            SalesforceError: what has to be remembered cannot be written.
        """
        skew = clock_skew or timedelta()
        with self._token_store.lock_org(self._org.name):
            org = self._refresh_tokens.apply_newest_token(self._org)
            response = self._request_token(org, skew)
            org_skew = response.clock_skew if isinstance(response, TokenDenial) else None
            if org_skew is not None and abs(org_skew - skew) > NEGLIGIBLE_SKEW:
                response = self._request_token(org, org_skew)
            return self._accept_answer(response)

    def report_rejected_token(self, error: SessionExpiredError) -> None:
        """Record that the org refused a token before it had answered to it."""
        self._throttle.record_rejected_token(error)

    def _request_token(self, org: OrgSettings, skew: timedelta) -> TokenGrant | TokenDenial:
        self._throttle.begin_login()
        try:
            form = oauth_flows.build_token_form(org, issued_at=self._now() + skew)
            # The answer may hold the only copy of a refresh token.
            with allow_finish(FINISH_SECONDS), limit_time(MAX_LOGIN_SECONDS):
                return request_token(org, form, self._http, now=self._now)
        except UnreachableError as silence:
            self._throttle.record_silence(silence)
            raise
        except LoginRefusedError:
            self._throttle.withdraw_login()
            raise

    def _accept_answer(self, response: TokenGrant | TokenDenial) -> AccessToken:
        if isinstance(response, TokenDenial):
            self._throttle.record_refusal(response.error)
            raise response.error
        if response.refresh_token is not None:
            self._refresh_tokens.replace_token(self._org, response.refresh_token)
        self._throttle.record_success()
        return response.token
