"""The login of one org, kept alive: new tokens, a new place, a new API version."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from math import inf
from typing import TypeVar

import httpx

from collector import clock
from collector.errors import (
    ApiVersionError,
    InstanceGoneError,
    NotAvailableError,
    SalesforceError,
    SessionExpiredError,
    StoppedError,
    UnreachableError,
)
from collector.http import build_session
from collector.logs import log
from collector.salesforce import responses
from collector.salesforce.api_errors import build_version_error
from collector.salesforce.authenticator import Authenticator
from collector.salesforce.connection import SalesforceConnection, fetch_api_versions
from collector.salesforce.token_request import AccessToken
from collector.salesforce.token_trial import TokenTrial
from collector.settings import OrgSettings

NEWEST_KNOWN_VERSION = "67.0"
"""The newest API version that we know; an org that has newer ones is asked for this one."""

READ_TRIES = 3
RETRY_PAUSE = (0.5, 2.0)
PATIENCE_SECONDS = 45.0
"""After this long no further try of the same request begins: the next poll will ask again."""

MAX_CONNECTIONS = 10
"""So many tokens, places and versions one request is tried with: a token may be used up by others
between two tries."""

MOVE_PAUSE_SECONDS = 300.0
"""How often at most a login asks whether an org that does not answer has moved."""

NO_VERDICTS = (SessionExpiredError, UnreachableError, ApiVersionError)
"""What says nothing good of the token; for any other refusal the org has looked at it first."""

ResultT = TypeVar("ResultT")


class OrgSession:
    """Asks an org with one login for all threads.

    A token that is refused is replaced by that of a new login; an instance that does not answer for
    the org is looked for by one; a version that is served no more gives way to another, unless the
    settings name it.

    Args:
        org: its settings.
        http: the client that is asked with; its owner closes it.
        authenticator: logs in.
        read_clock_skew: the org's clock minus ours, if it is known.
        stop_event: when set, the next step raises StoppedError.
        retry_pause: the shortest and the longest wait between two tries, in seconds.
    """

    def __init__(
        self,
        org: OrgSettings,
        http: httpx.Client,
        authenticator: Authenticator,
        *,
        read_clock_skew: Callable[[], timedelta | None],
        stop_event: threading.Event | None,
        retry_pause: tuple[float, float] = RETRY_PAUSE,
    ) -> None:
        self._org = org
        self._http = http
        self._authenticator = authenticator
        self._read_clock_skew = read_clock_skew
        self._stop_event = stop_event
        self._retry_pause = retry_pause
        self._lock = threading.Lock()
        # What follows is guarded by the lock.
        self._token: AccessToken | None = None
        self._trial = TokenTrial()
        self._version = org.api_version
        self._is_version_served = org.api_version is None
        self._connection: SalesforceConnection | None = None
        self._next_move_check = -inf

    def call(
        self,
        ask: Callable[[SalesforceConnection], ResultT],
        *,
        tries: int = READ_TRIES,
        retry_on: tuple[type[Exception], ...] = (UnreachableError,),
    ) -> ResultT:
        """The answer, with as many tokens as it takes, unless one is refused before it answered.

        Raises what `ask` raises, what a login raises, and StoppedError.
        """
        connection, has_new_token = self.open_connection(), False
        for _ in range(MAX_CONNECTIONS - 1):
            try:
                return self._ask_once(ask, connection, tries, retry_on)
            except SessionExpiredError as refusal:
                if has_new_token and not connection.trial.await_verdict(self._stop_event):
                    if connection.trial.reject():
                        self._authenticator.report_rejected_token(refusal)
                    raise
                connection, has_new_token = self._replace_token(connection), True
            except InstanceGoneError as absence:
                connection = self._follow_move(connection, absence)
            except ApiVersionError as refusal:
                connection = self._replace_version(connection, refusal)
        return self._ask_once(ask, connection, tries, retry_on)

    def open_connection(self) -> SalesforceConnection:
        """The present connection, by a login if there is none."""
        with self._lock:
            return self._connection or self._connect()

    def raise_if_stopped(self) -> None:
        """Raise StoppedError if the stop event is set."""
        if self._stop_event is not None and self._stop_event.is_set():
            raise StoppedError(f"{self._org.name}: stopped")

    # ---- asking

    def _ask_once(
        self,
        ask: Callable[[SalesforceConnection], ResultT],
        connection: SalesforceConnection,
        tries: int,
        retry_on: tuple[type[Exception], ...],
    ) -> ResultT:
        """The answer to one token. That the token is good is noted, whatever the answer is."""

        def ask_openly() -> ResultT:
            with connection.trial.open_request():
                return ask(connection)

        try:
            answer = self._ask_with_retries(ask_openly, tries, retry_on)
        except SalesforceError as refusal:
            if not isinstance(refusal, NO_VERDICTS):
                connection.trial.note_accepted()
            if isinstance(refusal, NotAvailableError):
                self._raise_if_version_is_wrong(connection, refusal)
            raise
        connection.trial.note_accepted()
        return answer

    def _ask_with_retries(
        self, ask: Callable[[], ResultT], tries: int, retry_on: tuple[type[Exception], ...]
    ) -> ResultT:
        deadline = clock.monotonic() + PATIENCE_SECONDS
        for _ in range(tries - 1):
            self.raise_if_stopped()
            try:
                return ask()
            except retry_on:
                if clock.monotonic() > deadline:
                    raise
            clock.wait(random.uniform(*self._retry_pause), self._stop_event)  # noqa: S311 - jitter
        self.raise_if_stopped()
        return ask()

    # ---- connecting

    def _connect(self) -> SalesforceConnection:
        """A connection with the present token and version. To be called with the lock held."""
        self.raise_if_stopped()
        if self._token is None:
            self._token = self._obtain_token()
        if self._version is None:
            self._version = self._find_version(self._token)
        self._connection = SalesforceConnection(
            self._token,
            org=self._org.name,
            version=self._version,
            trial=self._trial,
            open_session=partial(build_session, self._http, note_status=self._trial.note_status),
        )
        return self._connection

    def _obtain_token(self) -> AccessToken:
        """A new token, which has yet to show that it is any good."""
        token = self._authenticator.obtain_token(self._read_clock_skew())
        self._trial = TokenTrial()
        return token

    def _replace_token(self, connection: SalesforceConnection) -> SalesforceConnection:
        with self._lock:
            if self._connection is not None and self._connection is not connection:
                return self._connection
            self.raise_if_stopped()
            # Until there is a new token, the old one stays: it may come to life again.
            self._token = self._obtain_token()
            self._connection = None
            return self._connect()

    def _follow_move(
        self, connection: SalesforceConnection, absence: InstanceGoneError
    ) -> SalesforceConnection:
        """A connection to where the org is now. Raises the absence where nobody knows better."""
        with self._lock:
            if self._connection is not None and self._connection is not connection:
                return self._connection
            if not self._begin_move_check():
                raise absence
            try:
                self._token = self._obtain_token()
            except (SessionExpiredError, UnreachableError):
                raise absence from None
            old_url, new_url = connection.token.instance_url, self._token.instance_url
            if new_url == old_url:
                self._connect()
                raise absence
            self._connection = None
            log.warning("org_moved", org=self._org.name, old_url=old_url, new_url=new_url)
            self._version = self._org.api_version
            return self._connect()

    def _begin_move_check(self) -> bool:
        """Whether it is time to ask by a login where the org is; its time is then taken."""
        now = clock.monotonic()
        is_due = now >= self._next_move_check
        if is_due:
            self._next_move_check = now + MOVE_PAUSE_SECONDS
        return is_due

    # ---- the version

    def _find_version(self, token: AccessToken) -> str:
        try:
            versions = self._fetch_versions(token)
        except InstanceGoneError:
            # The next login tells whether the org has moved since this one.
            if self._begin_move_check():
                self._token = None
            raise
        return responses.select_api_version(versions, NEWEST_KNOWN_VERSION)

    def _fetch_versions(self, token: AccessToken) -> list[str]:
        ask = partial(fetch_api_versions, self._http, token.instance_url, org=self._org.name)
        document = self._ask_with_retries(ask, READ_TRIES, (UnreachableError,))
        return responses.parse_api_versions(f"{self._org.name}: API versions", document)

    def _replace_version(
        self, connection: SalesforceConnection, refusal: ApiVersionError
    ) -> SalesforceConnection:
        """A connection in a version that is served. Raises the refusal where settings name one."""
        with self._lock:
            if self._connection is not None and self._connection is not connection:
                return self._connection
            if self._org.api_version is not None:
                raise self._explain_version(connection, refusal)
            self._version = self._connection = None
            new_connection = self._connect()
            if new_connection.version == connection.version:
                raise refusal
            return new_connection

    def _raise_if_version_is_wrong(
        self, connection: SalesforceConnection, refusal: NotAvailableError
    ) -> None:
        """In a version that the org has not yet, it says of everything that it is not there."""
        with self._lock:
            if self._is_version_served or refusal.code != "NOT_FOUND":
                return
            try:
                versions = self._fetch_versions(connection.token)
            except SalesforceError:
                return
            self._is_version_served = connection.version in versions
            if not self._is_version_served:
                raise build_version_error(str(refusal), connection.version, versions) from None

    def _explain_version(
        self, connection: SalesforceConnection, refusal: ApiVersionError
    ) -> ApiVersionError:
        """The refusal with the versions that the org serves, where it says them."""
        try:
            versions = self._fetch_versions(connection.token)
        except SalesforceError:
            return refusal
        return build_version_error(str(refusal), connection.version, versions)
