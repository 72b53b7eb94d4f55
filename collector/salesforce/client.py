"""One org to ask: queries, descriptions, limits and files, with logins and retries included."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx

from collector import clock
from collector.csv_segments import CsvSegments
from collector.errors import (
    CorruptDownloadError,
    SalesforceError,
    UnreachableError,
)
from collector.http import build_client
from collector.salesforce import responses
from collector.salesforce.authenticator import Authenticator
from collector.salesforce.call_counter import CallCounter
from collector.salesforce.clock_skew import compute_clock_skew
from collector.salesforce.connection import CALL_HEADERS, SalesforceConnection
from collector.salesforce.endless_answers import EndlessAnswers
from collector.salesforce.log_download import download_log
from collector.salesforce.login_throttle import LoginLimits
from collector.salesforce.org_session import READ_TRIES, RETRY_PAUSE, OrgSession
from collector.salesforce.query_reader import QueryReader
from collector.salesforce.record_pages import RecordPage
from collector.salesforce.soql import check_identifier
from collector.salesforce.token_store import TokenStore
from collector.settings import OrgSettings

DOWNLOAD_TRIES = 2

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
    """One org. Logs in when first needed, and again when a token is refused or the org has moved.

    Every read is tried up to three times while the org is unreachable. The sentences of what is
    raised name the org and what was asked, never a token. Several threads may ask at a time;
    `close` it at the end.

    Every method may raise any SalesforceError, or StoppedError.

    Args:
        org: its settings.
        stop_event: when set, the next step raises StoppedError, in the middle of a wait as well.
        retry_pause: the shortest and the longest wait between two tries, in seconds.
        token_store: what remembers failed logins and replaced refresh tokens; else the client.
        login_limits: how often to log in; as a person at a terminal unless given.
        now: our clock.

    Attributes:
        api_usage: what the newest answer said about API calls.
        call_counter: the API calls that this client has made, by what they were made for.
        clock_skew: the org's clock minus ours, by the newest answer; good to about a second.
        endless_answers: which objects and lists are left alone, as their answers had no end.
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
        self.clock_skew: timedelta | None = None
        self.endless_answers = EndlessAnswers(org.name, now=now)
        self._header_lock = threading.Lock()
        self._org = org
        self._stop_event = stop_event
        self._now = now
        proxy = org.proxy.reveal() if org.proxy else None
        self._http = build_client(ca_file=org.ca_file, proxy=proxy, stop_event=stop_event)
        self._http.event_hooks = {"response": [self._record_headers]}
        self._session = OrgSession(
            org,
            self._http,
            Authenticator(
                org, self._http, token_store=token_store, login_limits=login_limits, now=now
            ),
            read_clock_skew=lambda: self.clock_skew,
            stop_event=stop_event,
            retry_pause=retry_pause,
        )
        self._queries = QueryReader(org.name, self._session, self.endless_answers)

    def close(self) -> None:
        """Give the sockets back."""
        self._http.close()

    @property
    def api_version(self) -> str:
        """The version that the org is asked in, such as `67.0`."""
        return self._session.open_connection().version

    @property
    def instance_url(self) -> str:
        """Where the org's API is, as the last login said."""
        return self._session.open_connection().token.instance_url

    @property
    def user_id(self) -> str | None:
        """The user that the org is asked as; None where the login did not say."""
        return self._session.open_connection().token.user_id

    def estimate_org_time(self) -> datetime:
        """The present moment by our clock or by the org's, whichever is behind."""
        return self._now() + min(self.clock_skew or timedelta(), timedelta())

    def query(self, soql: str) -> Iterator[RecordPage]:
        """The records that a query finds, page by page, each page asked for when it is wanted.

        Records are as Salesforce writes them without their `attributes`; related objects stay
        nested. Memory holds one page and one record of it.

        Raises QueryTooWideError where the org gave up on the query, or its answer is too large.
        """
        return self._queries.query(soql)

    @property
    def queries_per_call(self) -> int:
        """How many queries are asked with one API call now; 1 while the org refuses Composite."""
        return self._queries.queries_per_call

    def query_several(self, soqls: Sequence[str]) -> list[Iterator[RecordPage]]:
        """The records that each of at most five queries finds, asked for with one API call.

        Singly where the org refuses that. What is wrong with one query is raised when its pages
        are wanted.
        """
        return self._queries.query_several(soqls)

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
                note_status=connection.trial.note_status,
            )

        return self._call_with_login(
            download_once, tries=DOWNLOAD_TRIES, retry_on=(UnreachableError, CorruptDownloadError)
        )

    def _call_with_login(
        self,
        ask: Callable[[SalesforceConnection], ResultT],
        *,
        tries: int = READ_TRIES,
        retry_on: tuple[type[Exception], ...] = (UnreachableError,),
    ) -> ResultT:
        """The answer, whatever logins it takes."""
        return self._session.call(ask, tries=tries, retry_on=retry_on)

    def _label_request(self, what: str) -> str:
        return f"{self._org.name}: {what}"

    def _record_headers(self, answer: httpx.Response) -> None:
        """Read the use of the API and the org's time from the headers of any answer."""
        usage = _USAGE_PATTERN.search(answer.headers.get("Sforce-Limit-Info", ""))
        skew = compute_clock_skew(answer, self._now())
        with self._header_lock:
            if usage:
                self.api_usage = ApiUsage(used_calls=int(usage[1]), max_calls=int(usage[2]))
                self.call_counter.record_call()
            if skew is not None:
                self.clock_skew = skew
