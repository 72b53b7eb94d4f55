"""One org to ask: queries, descriptions, limits and files, with logins and retries included."""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpx

from collector import clock
from collector.csv_segments import CsvSegments
from collector.errors import (
    CorruptDownloadError,
    LimitExceededError,
    LoginRefusedError,
    SalesforceError,
    SessionExpiredError,
    StoppedError,
    UnreachableError,
)
from collector.http import build_client, build_session
from collector.logs import log
from collector.salesforce import composite, responses
from collector.salesforce.api_errors import compute_clock_skew
from collector.salesforce.authenticator import Authenticator
from collector.salesforce.call_counter import CallCounter
from collector.salesforce.connection import CALL_HEADERS, SalesforceConnection, fetch_api_versions
from collector.salesforce.log_download import download_log
from collector.salesforce.login_throttle import LoginLimits
from collector.salesforce.soql import check_identifier
from collector.salesforce.token_request import AccessToken
from collector.salesforce.token_store import TokenStore
from collector.settings import OrgSettings

NEWEST_KNOWN_VERSION = "67.0"
"""The newest API version that we know; an org that has newer ones is asked for this one."""

READ_TRIES = 3
DOWNLOAD_TRIES = 2
RETRY_PAUSE = (0.5, 2.0)
PATIENCE_SECONDS = 45.0
"""After this long no further try of the same request begins: the next poll will ask again."""

_USAGE_PATTERN = re.compile(r"(?<![\w-])api-usage=(\d{1,15})/(\d{1,15})", re.ASCII)
_LOG_FILE_PATTERN = re.compile(r"/services/data/(v\d+\.\d+(/[\w-]+)+)", re.ASCII)
_RESOURCE_PATTERN = re.compile(
    r"(?:/services/data/v\d+\.\d+/)?(\w[\w-]*(?:/[\w-]+)*(?:\?[\w.~=&%-]+)?)", re.ASCII
)

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldDescription:
    """A field of an object, as its describe tells it."""

    name: str
    type: str
    filterable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiUsage:
    """How many of the API calls that the org may make in 24 hours are used."""

    used_calls: int
    max_calls: int


class SalesforceClient:
    """One org. Logs in when first needed, and once again whenever a token is refused (401).

    Every read is tried up to three times while the org is unreachable. The sentences of what is
    raised name the org and what was asked, never a token. Files may be downloaded by several
    threads at a time, all else is for one; `close` it at the end.

    Every method may raise any SalesforceError, or StoppedError.

    Args:
        org: its settings.
        stop_event: when set, the next step raises StoppedError.
        retry_pause: the shortest and the longest wait between two tries, in seconds.
        token_store: what remembers failed logins and replaced refresh tokens; else the client.
        login_limits: how often to log in; as a person at a terminal unless given.
        now: our clock.

    Attributes:
        api_usage: what the newest answer said about API calls.
        call_counter: the API calls that this client has made, by what they were made for.
        clock_skew: the org's clock minus ours, by the newest answer; good to about a second.
    """

    def __init__(
        self,
        org: OrgSettings,
        *,
        stop_event: threading.Event | None = None,
        retry_pause: tuple[float, float] = RETRY_PAUSE,
        token_store: TokenStore | None = None,
        login_limits: LoginLimits | None = None,
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        self.api_usage: ApiUsage | None = None
        self.call_counter = CallCounter()
        self._composite_gate = composite.CompositeGate()
        self.clock_skew: timedelta | None = None
        self._org = org
        self._stop_event = stop_event
        self._retry_pause = retry_pause
        self._now = now
        proxy = org.proxy.reveal() if org.proxy else None
        self._http = build_client(ca_file=org.ca_file, proxy=proxy)
        self._http.event_hooks = {"response": [self._record_headers]}
        self._session = build_session(self._http)
        self._authenticator = Authenticator(
            org, self._http, token_store=token_store, login_limits=login_limits, now=now
        )
        self._login_lock = threading.Lock()
        self._token: AccessToken | None = None
        self._version = org.api_version
        self._connection: SalesforceConnection | None = None

    def close(self) -> None:
        """Give the sockets back."""
        self._http.close()

    @property
    def api_version(self) -> str:
        """The version that the org is asked in, such as `67.0`."""
        return self._ensure_connection().version

    @property
    def instance_url(self) -> str:
        """Where the org's API is, as the last login said."""
        return self._ensure_connection().token.instance_url

    @property
    def user_id(self) -> str | None:
        """The user that the org is asked as; None where the login did not say."""
        return self._ensure_connection().token.user_id

    def estimate_org_time(self) -> datetime:
        """The present moment by our clock or by the org's, whichever is behind."""
        return self._now() + min(self.clock_skew or timedelta(), timedelta())

    def query(self, soql: str) -> Iterator[list[dict[str, Any]]]:
        """The records that a query finds, page by page, each page asked for when it is wanted.

        Records are as Salesforce writes them without their `attributes`; related objects stay
        nested. Raises QueryTooWideError where the org gave up on the query.
        """
        page = self._call_with_login(lambda connection: connection.query(soql))
        yield from self._read_pages(page)

    @property
    def queries_per_call(self) -> int:
        """How many queries are asked with one API call now; 1 while the org refuses Composite."""
        return composite.MAX_QUERIES if self._composite_gate.is_open() else 1

    def query_several(self, soqls: Sequence[str]) -> list[Iterator[list[dict[str, Any]]]]:
        """The records that each of at most five queries finds, as `query` gives them.

        They are asked with one API call, through the Composite resource, and singly where the org
        refuses that. What is wrong with one query is raised when its pages are wanted.
        """
        results: Sequence[composite.SubrequestResult | None] = [None] * len(soqls)
        if len(soqls) > 1 and self._composite_gate.is_open():
            results = self._ask_together(soqls)
        return [
            self._read_result(soql, result) for soql, result in zip(soqls, results, strict=True)
        ]

    def _ask_together(self, soqls: Sequence[str]) -> Sequence[composite.SubrequestResult | None]:
        """What the queries brought; nothing where the org does not answer them together."""
        try:
            return self._call_with_login(
                lambda connection: connection.query_several(soqls), tries=1
            )
        except (LoginRefusedError, SessionExpiredError, LimitExceededError):
            raise
        except SalesforceError as error:
            # Refused, too long, or one query holds up the others: asked alone each has its own say.
            seconds = self._composite_gate.record_refusal()
            log.info("composite_refused", org=self._org.name, reason=str(error), seconds=seconds)
            return [None] * len(soqls)

    def _read_result(
        self, soql: str, result: composite.SubrequestResult | None
    ) -> Iterator[list[dict[str, Any]]]:
        page = composite.extract_first_page(self._label_request("query"), result)
        yield from self.query(soql) if page is None else self._read_pages(page)

    def _read_pages(self, first_page: responses.JsonObject) -> Iterator[list[dict[str, Any]]]:
        """The records of a page and of those that follow it."""
        where, page = self._label_request("query"), first_page
        yield responses.parse_records(where, page)
        locator = ""
        while locator := responses.parse_next_locator(where, page, locator):
            page = self._call_with_login(partial(_fetch_next_page, locator))
            yield responses.parse_records(where, page)

    def describe_object(self, name: str) -> tuple[FieldDescription, ...]:
        """The fields of an object that this user sees.

        Raises:
            NotAvailableError: there is no such object for this user.
            ValueError: that is no name of an object.
        """
        check_identifier(name)
        document = self._call_with_login(lambda connection: connection.describe_object(name))
        fields = responses.require_objects(
            self._label_request(f"describe {name}"), document.get("fields")
        )
        return tuple(
            FieldDescription(
                name=str(field.get("name", "")),
                type=str(field.get("type", "")),
                filterable=field.get("filterable") is True,
            )
            for field in fields
        )

    def list_object_names(self) -> frozenset[str]:
        """The names of the objects that this user sees."""
        document = self._call_with_login(lambda connection: connection.describe_global())
        objects = responses.require_objects(
            self._label_request("list of objects"), document.get("sobjects")
        )
        return frozenset(str(item.get("name", "")) for item in objects)

    def get_resource(self, path: str) -> dict[str, Any]:
        """The JSON object of a resource: `jobs/query/750…`, below `/services/data/vNN.N/`.

        A path with that beginning, as the org writes it, is taken as well, in the present version.
        Raises SalesforceError for one that leads elsewhere.
        """
        match = _RESOURCE_PATTERN.fullmatch(path)
        if match is None:
            raise SalesforceError(
                self._label_request("the path of a resource leads out of the API")
            )
        return self._call_with_login(lambda connection: connection.get_resource(match[1]))

    def get_limits(self) -> dict[str, Any]:
        """The org's limits by name, each with `Max` and `Remaining`."""
        return self._call_with_login(lambda connection: connection.get_limits())

    def download_log(
        self, path: str, directory: Path, name: str, *, expected_length: int | None
    ) -> CsvSegments:
        """The log file at a path of the org (`/services/data/…`) as `directory/name-….csv`.

        A body that breaks or is corrupt is asked for once more, as a whole. Whatever is raised, no
        file remains.

        Raises:
            CorruptDownloadError: it is no log, or not the whole of `expected_length` decoded bytes.
        """
        match = _LOG_FILE_PATTERN.fullmatch(path)
        if match is None:
            raise SalesforceError(
                self._label_request("the path of a log file leads out of the API")
            )

        def download_once(connection: SalesforceConnection) -> CsvSegments:
            token = connection.token
            return download_log(
                self._http,
                token.instance_url + path,
                headers=CALL_HEADERS | {"Authorization": f"Bearer {token.access_token.reveal()}"},
                where=self._label_request(match[1]),
                directory=directory,
                name=name,
                expected_length=expected_length,
                stop_event=self._stop_event,
            )

        return self._call_with_login(
            download_once, tries=DOWNLOAD_TRIES, retry_on=(UnreachableError, CorruptDownloadError)
        )

    # ---- asking

    def _call_with_login(
        self,
        ask: Callable[[SalesforceConnection], ResultT],
        *,
        tries: int = READ_TRIES,
        retry_on: tuple[type[Exception], ...] = (UnreachableError,),
    ) -> ResultT:
        """The answer, after one new login if the token is refused."""
        connection = self._ensure_connection()
        try:
            return self._call_with_retries(partial(ask, connection), tries, retry_on)
        except SessionExpiredError:
            new_connection = self._ensure_connection(instead_of=connection)
        try:
            return self._call_with_retries(partial(ask, new_connection), tries, retry_on)
        except SessionExpiredError:
            self._authenticator.report_rejected_token()
            raise

    def _call_with_retries(
        self, ask: Callable[[], ResultT], tries: int, retry_on: tuple[type[Exception], ...]
    ) -> ResultT:
        deadline = clock.monotonic() + PATIENCE_SECONDS
        for _ in range(tries - 1):
            self._raise_if_stopped()
            try:
                return ask()
            except retry_on:
                if clock.monotonic() > deadline:
                    raise
            clock.wait(random.uniform(*self._retry_pause), self._stop_event)  # noqa: S311 - jitter
        self._raise_if_stopped()
        return ask()

    def _raise_if_stopped(self) -> None:
        if self._stop_event is not None and self._stop_event.is_set():
            raise StoppedError(self._label_request("stopped"))

    def _label_request(self, what: str) -> str:
        return f"{self._org.name}: {what}"

    # ---- connecting

    def _ensure_connection(
        self, *, instead_of: SalesforceConnection | None = None
    ) -> SalesforceConnection:
        """The present login; a new one if there is none, or if it is the one that was refused."""
        with self._login_lock:
            if self._connection is not None and self._connection is not instead_of:
                return self._connection
            self._raise_if_stopped()
            if self._token is None or self._connection is not None:
                # Until there is a new token, the old one stays: it may come to life again.
                self._token = self._authenticator.obtain_token(self.clock_skew)
                self._connection = None
            self._version = self._version or self._find_api_version(self._token)
            self._connection = SalesforceConnection(
                self._token, org=self._org.name, version=self._version, session=self._session
            )
            return self._connection

    def _find_api_version(self, token: AccessToken) -> str:
        ask = partial(fetch_api_versions, self._http, token.instance_url, org=self._org.name)
        document = self._call_with_retries(ask, READ_TRIES, (UnreachableError,))
        return responses.select_api_version(
            self._label_request("API versions"), document, NEWEST_KNOWN_VERSION
        )

    def _record_headers(self, answer: httpx.Response) -> None:
        """Read the use of the API and the org's time from the headers of any answer."""
        if usage := _USAGE_PATTERN.search(answer.headers.get("Sforce-Limit-Info", "")):
            self.api_usage = ApiUsage(used_calls=int(usage[1]), max_calls=int(usage[2]))
            self.call_counter.record_call()
        skew = compute_clock_skew(answer, self._now())
        self.clock_skew = self.clock_skew if skew is None else skew


def _fetch_next_page(locator: str, connection: SalesforceConnection) -> responses.JsonObject:
    return connection.query_more(locator)
