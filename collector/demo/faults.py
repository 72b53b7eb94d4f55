"""Injected faults, which replace or alter the org's next matching responses."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from datetime import datetime

FaultBody = str | bytes | list[dict[str, str]] | dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class InjectedFault:
    """A fault that the org injects into responses.

    Attributes:
        address_pattern: a regular expression, searched for in the path and decoded query of a
            request.
        times: how many requests it hits; None for no limit.
        status: the status of a response with `body` instead of the real one: text is HTML, bytes
            are octets, lists and dicts JSON. None lets the request through.
        delay: seconds before the response.
        cut_after: bytes of the body after which the connection breaks.
        date: the time that the Date header tells instead of the org's.
    """

    address_pattern: str = ""
    times: int | None = 1
    status: int | None = None
    body: FaultBody = ""
    delay: float = 0.0
    cut_after: int | None = None
    date: datetime | None = None


def build_error_fault(
    code: str, message: str, *, status: int, path: str = "", times: int | None = 1
) -> InjectedFault:
    """An error array of the REST API."""
    body = [{"message": message, "errorCode": code}]
    return InjectedFault(address_pattern=path, times=times, status=status, body=body)


def build_maintenance_fault(
    path: str = "", times: int | None = 1, *, status: int = 503
) -> InjectedFault:
    """An HTML page instead of a response, also with `status` 200."""
    page = "<html><head><title>Down for maintenance</title></head><body>We'll be back</body></html>"
    return InjectedFault(address_pattern=path, times=times, status=status, body=page)


def build_lost_route_fault(path: str = "", times: int | None = 1) -> InjectedFault:
    """420, as of a host that Salesforce Edge does not know."""
    return InjectedFault(
        address_pattern=path, times=times, status=420, body="<html><body>420</body></html>"
    )


def build_timeout_fault(path: str = "/query", times: int | None = 1) -> InjectedFault:
    """QUERY_TIMEOUT, as 400."""
    message = "Your query request was running for too long."
    return build_error_fault("QUERY_TIMEOUT", message, status=400, path=path, times=times)


def build_daily_limit_fault(path: str = "/services/data/v", times: int | None = 1) -> InjectedFault:
    """REQUEST_LIMIT_EXCEEDED because the day's calls are used up."""
    message = "TotalRequests Limit exceeded."
    return build_error_fault("REQUEST_LIMIT_EXCEEDED", message, status=403, path=path, times=times)


def build_concurrency_fault(path: str = "/services/data/v", times: int | None = 1) -> InjectedFault:
    """REQUEST_LIMIT_EXCEEDED because too many long requests run at once."""
    message = "ConcurrentRequests (Concurrent API Requests) Limit exceeded."
    return build_error_fault("REQUEST_LIMIT_EXCEEDED", message, status=403, path=path, times=times)


def build_expired_fault(path: str = "/services/data/v", times: int | None = None) -> InjectedFault:
    """401 for every token, without limit unless `times` is given."""
    message = "Session expired or invalid"
    return build_error_fault("INVALID_SESSION_ID", message, status=401, path=path, times=times)


class FaultQueue:
    """The pending faults, oldest first; each request is hit by one at most."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: list[tuple[InjectedFault, int | None]] = []

    def add_fault(self, fault: InjectedFault) -> None:
        """Inject a fault into the next `times` matching requests."""
        with self._lock:
            self._queue.append((fault, fault.times))

    def clear_faults(self) -> None:
        """Remove every pending fault."""
        with self._lock:
            self._queue.clear()

    def take_fault(self, address: str) -> InjectedFault | None:
        """Use the first fault that matches a request once, and return it; None where none does."""
        with self._lock:
            for index, (fault, times_left) in enumerate(self._queue):
                if re.search(fault.address_pattern, address):
                    if times_left is not None and times_left <= 1:
                        del self._queue[index]
                    else:
                        self._queue[index] = (fault, None if times_left is None else times_left - 1)
                    return fault
        return None
