"""The way into one org: flow, clock, budget and refresh token put together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import httpx

from collector import clock
from collector.errors import LoginRefused, Unreachable
from collector.salesforce import flows
from collector.salesforce.auth import Denied, Granted, Token, ask
from collector.salesforce.gate import Gate, Pace
from collector.salesforce.refresh import RefreshTokens
from collector.salesforce.vault import MemoryVault, Vault
from collector.settings import Org

NEGLIGIBLE_SKEW = timedelta(minutes=1)
"""An assertion survives clocks that differ by less."""


class Logins:
    """Logs in to one org, one login at a time, and no more often than its pace allows.

    Args:
        vault: what remembers failed logins and replaced refresh tokens; else this object does.
        pace: how often; as a person at a terminal unless given.
        now: our clock.
    """

    def __init__(
        self,
        org: Org,
        http: httpx.Client,
        *,
        vault: Vault | None = None,
        pace: Pace | None = None,
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        self._org = org
        self._http = http
        self._vault = vault or MemoryVault()
        self._now = now
        self._gate = Gate(org.name, self._vault, pace=pace or Pace(), now=now)
        self._refresh_tokens = RefreshTokens(org.name, self._vault)

    def login(self, skew: timedelta | None = None) -> Token:
        """A new access token. A refresh token that came with it is safe by then.

        Asks once; and once more with the org's time, if ours may have been what was refused.

        Args:
            skew: the org's clock minus ours, if it is known.

        Raises:
            LoginRefused: the org said no, or it is too early to ask again; says what to change.
            SessionExpired: too many logins were needed.
            Unreachable: there was no verdict.
            SalesforceError: what has to be remembered cannot be written.
        """
        ahead = skew or timedelta()
        with self._vault.alone(self._org.name):
            org = self._refresh_tokens.apply(self._org)
            answer = self._ask(org, ahead)
            if isinstance(answer, Denied) and answer.skew is not None and _far(answer.skew, ahead):
                answer = self._ask(org, answer.skew)
            return self._settled(answer)

    def wasted(self) -> None:
        """Say that the org refused the token that it had just given."""
        self._gate.wasted()

    def _ask(self, org: Org, ahead: timedelta) -> Granted | Denied:
        self._gate.enter()
        try:
            form = flows.form(org, at=self._now() + ahead)
            return ask(org, form, self._http, now=self._now)
        except (LoginRefused, Unreachable):  # nothing was asked, or nothing was said
            self._gate.unanswered()
            raise

    def _settled(self, answer: Granted | Denied) -> Token:
        if isinstance(answer, Denied):
            self._gate.refused(answer.error)
            raise answer.error
        if answer.refresh_token is not None:
            self._refresh_tokens.replace(self._org, answer.refresh_token)
        self._gate.granted()
        return answer.token


def _far(skew: timedelta, assumed: timedelta) -> bool:
    return abs(skew - assumed) > NEGLIGIBLE_SKEW
