"""The org behind the protocol: data, clock, logins, faults and behaviour."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from collector.demo.api_errors import ApiError, build_not_found
from collector.demo.faults import FaultQueue
from collector.demo.oauth import AccessTokens, ConnectedApp
from collector.demo.org_store import OrgStore
from collector.demo.query_pages import QueryPager
from collector.demo.soql_execution import RequestView
from collector.demo.token_endpoint import TokenEndpoint

OLDEST_VERSION = 31
NEWEST_VERSION = 67


@dataclass(frozen=True, slots=True, kw_only=True)
class OrgBehaviour:
    """The licences and limits of the org.

    Attributes:
        hourly_files: whether it is entitled to hourly event log files; without, EventLogFile has
            no field Interval.
        big_object_locators: whether queries on big objects are paged; without, an answer just
            ends at the batch size.
        missing: objects that the licence or the user's permissions do not cover.
        token_uses: the requests that an access token is valid for; None for no limit.
        daily_call_limit: the API calls of a day; beyond them every call is refused.
        composite: whether several queries may be asked in one call.
    """

    hourly_files: bool = True
    big_object_locators: bool = True
    missing: frozenset[str] = frozenset()
    token_uses: int | None = None
    daily_call_limit: int = 100_000
    composite: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedRequest:
    """One request as the org received it, without secrets. `query` is decoded."""

    time: datetime
    method: str
    path: str
    query: str
    status: int


class OrgBackend:
    """The state that requests share. Safe to use from several threads."""

    def __init__(
        self,
        store: OrgStore,
        *,
        application: ConnectedApp,
        behaviour: OrgBehaviour,
        clock: Callable[[], datetime],
    ) -> None:
        self.store = store
        self.behaviour = behaviour
        self.clock = clock
        self.access_tokens = AccessTokens(behaviour.token_uses)
        self.token_endpoint = TokenEndpoint(application, self.access_tokens)
        self.application = application
        self.query_pager = QueryPager()
        self.fault_queue = FaultQueue()
        self.base_url = ""
        self._lock = threading.Lock()
        self._call_count = 0
        self._request_log: list[LoggedRequest] = []

    def build_view(self, version: str) -> RequestView:
        """The present view of the org for a request of that API version."""
        return RequestView(
            store=self.store,
            now=self.clock(),
            version=version,
            missing=self.behaviour.missing,
            hourly_files=self.behaviour.hourly_files,
        )

    @property
    def api_calls(self) -> int:
        """The calls that count against the day's limit."""
        with self._lock:
            return self._call_count

    def count_call(self) -> None:
        """Count an API call. Raises ApiError when the day's are used up."""
        with self._lock:
            self._call_count += 1
            used = self._call_count
        if used > self.behaviour.daily_call_limit:
            raise ApiError("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", status=403)

    def spend_calls(self, count: int) -> None:
        """Count that many calls of other clients."""
        with self._lock:
            self._call_count += count

    def render_limit_info(self) -> str:
        """The value of Sforce-Limit-Info."""
        return f"api-usage={self.api_calls}/{self.behaviour.daily_call_limit}; api-bursts=1/750"

    def record_request(self, request: LoggedRequest) -> None:
        """Add a request to the log."""
        with self._lock:
            self._request_log.append(request)

    @property
    def request_log(self) -> tuple[LoggedRequest, ...]:
        """Every request so far, in the order they were answered."""
        with self._lock:
            return tuple(self._request_log)


def check_version(text: str) -> str:
    """The API version of a path, `67.0`. Raises ApiError for one that is retired or unknown."""
    number, _, fraction = text.partition(".")
    if fraction != "0" or not number.isdigit() or len(number) > 3 or int(number) > NEWEST_VERSION:
        raise build_not_found()
    if int(number) < OLDEST_VERSION:
        raise ApiError("GONE", f"Invalid Api version specified on URL: v{text}", status=410)
    return text
