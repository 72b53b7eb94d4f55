"""One org to ask: queries, descriptions, limits and files, with logins and patience included."""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpx

from collector import clock
from collector import http as web
from collector.errors import (
    CorruptDownload,
    SalesforceError,
    SessionExpired,
    Stopped,
    Unreachable,
)
from collector.salesforce import documents
from collector.salesforce.answers import clock_skew
from collector.salesforce.auth import Token
from collector.salesforce.connection import CALL_HEADERS, Connection, api_versions
from collector.salesforce.download import download
from collector.salesforce.gate import Pace
from collector.salesforce.logins import Logins
from collector.salesforce.soql import identifier
from collector.salesforce.vault import Vault
from collector.segments import Segments
from collector.settings import Org

NEWEST_VERSION = "67.0"
"""The newest API version that we know; an org that has newer ones is asked for this one."""

READ_TRIES = 3
DOWNLOAD_TRIES = 2
RETRY_PAUSE = (0.5, 2.0)
PATIENCE_SECONDS = 45.0
"""After this long no further try of the same request begins: the next poll will ask again."""

_USAGE = re.compile(r"(?<![\w-])api-usage=(\d{1,15})/(\d{1,15})", re.ASCII)
_LOG_FILE = re.compile(r"/services/data/(v\d+\.\d+(/[\w-]+)+)", re.ASCII)
_RESOURCE = re.compile(
    r"(?:/services/data/v\d+\.\d+/)?(\w[\w-]*(?:/[\w-]+)*(?:\?[\w.~=&%-]+)?)", re.ASCII
)

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of an object, as its describe tells it."""

    name: str
    type: str
    filterable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """How many of the API calls that the org may make in 24 hours are used."""

    used: int
    maximum: int


class Client:
    """One org. Logs in when first needed, and once again whenever a token is refused (401).

    Every read is tried up to three times while the org is unreachable. The sentences of what is
    raised name the org and what was asked, never a token. Files may be downloaded by several
    threads at a time, all else is for one; `close` it at the end.

    Every method may raise LoginRefused, SessionExpired, LimitExceeded, NotAvailable, Unreachable,
    another SalesforceError, or Stopped.

    Args:
        stop: when set, the next step raises Stopped.
        retry_pause: the shortest and the longest wait between two tries, in seconds.
        vault: what remembers failed logins and replaced refresh tokens; else the client does.
        pace: how often to log in; as a person at a terminal unless given.
        now: our clock.

    Attributes:
        usage: what the newest answer said about API calls.
        calls: how many API calls this client has made.
        skew: the org's clock minus ours, by the newest answer; good to about a second.
    """

    def __init__(
        self,
        org: Org,
        *,
        stop: threading.Event | None = None,
        retry_pause: tuple[float, float] = RETRY_PAUSE,
        vault: Vault | None = None,
        pace: Pace | None = None,
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        self.usage: Usage | None = None
        self.calls = 0
        self._counting = threading.Lock()
        self.skew: timedelta | None = None
        self._org = org
        self._stop = stop
        self._retry_pause = retry_pause
        self._now = now
        proxy = org.proxy.reveal() if org.proxy else None
        self._http = web.client(ca_file=org.ca_file, proxy=proxy)
        self._http.event_hooks = {"response": [self._note]}
        self._session = web.session(self._http)
        self._logins = Logins(org, self._http, vault=vault, pace=pace, now=now)
        self._login = threading.Lock()
        self._token: Token | None = None
        self._version = org.api_version
        self._connection: Connection | None = None

    def close(self) -> None:
        """Give the sockets back."""
        self._http.close()

    @property
    def api_version(self) -> str:
        """The version that the org is asked in, such as `67.0`."""
        return self._connected().version

    @property
    def instance_url(self) -> str:
        """Where the org's API is, as the last login said."""
        return self._connected().token.instance_url

    @property
    def user_id(self) -> str | None:
        """The user that the org is asked as; None where the login did not say."""
        return self._connected().token.user_id

    def now(self) -> datetime:
        """The present moment by our clock or by the org's, whichever is behind."""
        return self._now() + min(self.skew or timedelta(), timedelta())

    def query(self, soql: str) -> Iterator[list[dict[str, Any]]]:
        """The records that a query finds, page by page, each page asked for when it is wanted.

        Records are as Salesforce writes them without their `attributes`; related objects stay
        nested. Raises QueryTooWide where the org gave up on the query.
        """
        where = self._where("query")
        page = self._ask(lambda connection: connection.query(soql))
        yield documents.records(where, page)
        locator = ""
        while locator := documents.next_page(where, page, locator):
            page = self._ask(partial(_query_more, locator))
            yield documents.records(where, page)

    def describe(self, name: str) -> tuple[Field, ...]:
        """The fields of an object that this user sees.

        Raises:
            NotAvailable: there is no such object for this user.
            ValueError: that is no name of an object.
        """
        identifier(name)
        described = self._ask(lambda connection: connection.describe(name))
        fields = documents.objects(self._where(f"describe {name}"), described.get("fields"))
        return tuple(
            Field(
                name=str(field.get("name", "")),
                type=str(field.get("type", "")),
                filterable=field.get("filterable") is True,
            )
            for field in fields
        )

    def object_names(self) -> frozenset[str]:
        """The names of the objects that this user sees."""
        described = self._ask(lambda connection: connection.objects())
        listed = documents.objects(self._where("list of objects"), described.get("sobjects"))
        return frozenset(str(item.get("name", "")) for item in listed)

    def get(self, path: str) -> dict[str, Any]:
        """The JSON object of a resource: `jobs/query/750…`, below `/services/data/vNN.N/`.

        A path with that beginning, as the org writes it, is taken as well, in the present version.
        Raises SalesforceError for one that leads elsewhere.
        """
        found = _RESOURCE.fullmatch(path)
        if found is None:
            raise SalesforceError(self._where("the path of a resource leads out of the API"))
        return self._ask(lambda connection: connection.resource(found[1]))

    def limits(self) -> dict[str, Any]:
        """The org's limits by name, each with `Max` and `Remaining`."""
        return self._ask(lambda connection: connection.limits())

    def download(
        self, path: str, directory: Path, name: str, *, expected_length: int | None
    ) -> Segments:
        """The log file at a path of the org (`/services/data/…`) as `directory/name-….csv`.

        A body that breaks or is corrupt is asked for once more, as a whole. Whatever is raised, no
        file remains.

        Raises:
            CorruptDownload: it is no log, or not the whole of `expected_length` decoded bytes.
        """
        found = _LOG_FILE.fullmatch(path)
        if found is None:
            raise SalesforceError(self._where("the path of a log file leads out of the API"))

        def ask(connection: Connection) -> Segments:
            token = connection.token
            return download(
                self._http,
                token.instance_url + path,
                headers=CALL_HEADERS | {"Authorization": f"Bearer {token.access_token.reveal()}"},
                where=self._where(found[1]),
                directory=directory,
                name=name,
                expected_length=expected_length,
                stop=self._stop,
            )

        return self._ask(ask, tries=DOWNLOAD_TRIES, again=(Unreachable, CorruptDownload))

    # ---- asking

    def _ask(
        self,
        ask: Callable[[Connection], Answer],
        *,
        tries: int = READ_TRIES,
        again: tuple[type[Exception], ...] = (Unreachable,),
    ) -> Answer:
        """The answer, after one new login if the token is refused."""
        connection = self._connected()
        try:
            return self._patiently(partial(ask, connection), tries, again)
        except SessionExpired:
            renewed = self._connected(instead_of=connection)
        try:
            return self._patiently(partial(ask, renewed), tries, again)
        except SessionExpired:
            self._logins.wasted()
            raise

    def _patiently(
        self, ask: Callable[[], Answer], tries: int, again: tuple[type[Exception], ...]
    ) -> Answer:
        due = clock.monotonic() + PATIENCE_SECONDS
        for _ in range(tries - 1):
            self._go_on()
            try:
                return ask()
            except again:
                if clock.monotonic() > due:
                    raise
            clock.wait(random.uniform(*self._retry_pause), self._stop)  # noqa: S311 - jitter
        self._go_on()
        return ask()

    def _go_on(self) -> None:
        if self._stop is not None and self._stop.is_set():
            raise Stopped(self._where("stopped"))

    def _where(self, what: str) -> str:
        return f"{self._org.name}: {what}"

    # ---- connecting

    def _connected(self, *, instead_of: Connection | None = None) -> Connection:
        """The present login; a new one if there is none, or if it is the one that was refused."""
        with self._login:
            if self._connection is not None and self._connection is not instead_of:
                return self._connection
            self._go_on()
            if self._token is None or self._connection is not None:
                # Until there is a new token, the old one stays: it may come to life again.
                self._token, self._connection = self._logins.login(self.skew), None
            self._version = self._version or self._newest_version(self._token)
            self._connection = Connection(
                self._token,
                org=self._org.name,
                version=self._version,
                session=self._session,
            )
            return self._connection

    def _newest_version(self, token: Token) -> str:
        ask = partial(api_versions, self._http, token.instance_url, org=self._org.name)
        listed = self._patiently(ask, READ_TRIES, (Unreachable,))
        return documents.newest_version(self._where("API versions"), listed, NEWEST_VERSION)

    def _note(self, answer: httpx.Response) -> None:
        """Learn the use of the API and the org's time from the headers of any answer."""
        if usage := _USAGE.search(answer.headers.get("Sforce-Limit-Info", "")):
            self.usage = Usage(used=int(usage[1]), maximum=int(usage[2]))
            with self._counting:
                self.calls += 1
        skew = clock_skew(answer, self._now())
        self.skew = self.skew if skew is None else skew


def _query_more(locator: str, connection: Connection) -> documents.Document:
    return connection.query_more(locator)
