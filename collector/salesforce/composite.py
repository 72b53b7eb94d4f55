"""The Composite resource: five queries in one request, which counts as one API call.

Sources: REST API Developer Guide, "Send Multiple Requests Using Composite" (at most 25
sub-requests, at most 5 of them queries; "counts as a single call toward your API limits"),
"Composite Request Body" and "Composite Subrequest Result". `composite/batch` saves no calls.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any
from urllib.parse import quote

from collector import clock
from collector.errors import (
    LimitExceededError,
    NotAvailableError,
    QueryTooWideError,
    SalesforceError,
    UnreachableError,
)
from collector.salesforce.api_errors import build_api_error
from collector.salesforce.responses import JsonObject, require_object, require_objects

MAX_QUERIES = 5
"""How many queries one request may hold."""

FIRST_PAUSE_SECONDS = 60.0
LAST_PAUSE_SECONDS = 6 * 3600.0
"""How long an org that refuses is not asked so again; a refusal soon after the last doubles it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubrequestResult:
    """What one sub-request brought: its own HTTP status, and its body as parsed JSON."""

    status: int
    body: object


@dataclass(frozen=True, slots=True, kw_only=True)
class SubrequestPage:
    """The first page that a sub-request brought; its bytes are those of the whole request."""

    envelope: Mapping[str, Any]
    records: Sequence[dict[str, Any]]
    size: int = 0

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.records)


class CompositeGate:
    """Whether an org may be asked for several queries at once. Safe to share between threads.

    An org, a proxy or a user's rights may refuse; that is remembered for a while, then tried again.
    `read_seconds` is a clock that never jumps.
    """

    def __init__(self, read_seconds: Callable[[], float] = clock.monotonic) -> None:
        self._read_seconds = read_seconds
        self._lock = threading.Lock()
        self._closed_until = -inf
        self._last_pause = 0.0

    def is_open(self) -> bool:
        """Whether it may be tried now."""
        with self._lock:
            return self._read_seconds() >= self._closed_until

    def record_no_answer(self) -> float:
        """Close it, but not for longer each time: nobody has refused; returns for how long."""
        with self._lock:
            self._closed_until = self._read_seconds() + FIRST_PAUSE_SECONDS
        return FIRST_PAUSE_SECONDS

    def record_refusal(self) -> float:
        """Close it for a while; returns for how many seconds."""
        with self._lock:
            now = self._read_seconds()
            is_soon = now <= self._closed_until + self._last_pause
            doubled = min(2 * self._last_pause, LAST_PAUSE_SECONDS)
            self._last_pause = max(doubled, FIRST_PAUSE_SECONDS) if is_soon else FIRST_PAUSE_SECONDS
            self._closed_until = now + self._last_pause
            return self._last_pause


def build_request(
    soqls: Sequence[str], *, version: str, headers: Mapping[str, str]
) -> Mapping[str, Any]:
    """The body of a request for at most MAX_QUERIES queries, none of which stops another.

    `headers` are those of a single query: sub-requests inherit only Accept, Authorization and
    Content-Type.
    """
    return {
        "allOrNone": False,
        "compositeRequest": [
            {
                "method": "GET",
                "url": f"/services/data/v{version}/query?q={quote(soql, safe='')}",
                "referenceId": f"query{number}",
                "httpHeaders": dict(headers),
            }
            for number, soql in enumerate(soqls)
        ],
    }


def parse_results(
    where: str, document: JsonObject, count: int
) -> Sequence[SubrequestResult | None]:
    """What each of `count` sub-requests brought, in their order; None for one that is missing.

    Raises UnreachableError where the document is no answer of this resource.
    """
    results: dict[str, SubrequestResult] = {}
    for item in require_objects(where, document.get("compositeResponse")):
        status = item.get("httpStatusCode")
        if isinstance(status, int):
            results[str(item.get("referenceId"))] = SubrequestResult(
                status=status, body=item.get("body")
            )
    return [results.get(f"query{number}") for number in range(count)]


def extract_first_page(where: str, result: SubrequestResult | None) -> SubrequestPage | None:
    """The first page that a sub-request brought; None where the query has to be asked alone.

    Only what Salesforce says of the query itself counts here as it does for a single one.

    Raises:
        NotAvailableError: no such object or field for this user.
        QueryTooWideError: it takes too long.
        LimitExceededError: no API calls are left.
    """
    if result is None:
        return None
    if result.status != 200:
        error = build_api_error(where, result.status, result.body)
        if _is_final(error, result.status):
            raise error
        return None
    try:
        body = require_object(where, result.body)
        records = require_objects(where, body.get("records"))
    except UnreachableError:
        return None
    return SubrequestPage(envelope=body, records=records)


def _is_final(error: SalesforceError, status: int) -> bool:
    """Whether the same query, asked alone, would be answered no differently."""
    if isinstance(error, NotAvailableError | QueryTooWideError):
        return status == 400
    return isinstance(error, LimitExceededError)
