"""Faults on command: what the org does instead of, or to, its next fitting answers."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass

FaultBody = str | bytes | list[dict[str, str]] | dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class InjectedFault:
    """A fault.

    Attributes:
        address_pattern: a regular expression, searched for in the path and decoded query of a
            request.
        times: how many requests it strikes; None for ever.
        status: answered instead of what was asked for, with `body`: text is HTML, bytes are
            octets, lists and dicts JSON. None lets the request through.
        delay: seconds before anything is answered.
        cut_after: bytes of the body after which the connection breaks.
    """

    address_pattern: str = ""
    times: int | None = 1
    status: int | None = None
    body: FaultBody = ""
    delay: float = 0.0
    cut_after: int | None = None


def build_error_fault(
    code: str, message: str, *, status: int, path: str = "", times: int | None = 1
) -> InjectedFault:
    """An error array of the REST API."""
    body = [{"message": message, "errorCode": code}]
    return InjectedFault(address_pattern=path, times=times, status=status, body=body)


def build_maintenance_fault(
    path: str = "", times: int | None = 1, *, status: int = 503
) -> InjectedFault:
    """An HTML page where an answer should be; `status` 200 is the nastiest."""
    page = "<html><head><title>Down for maintenance</title></head><body>We'll be back</body></html>"
    return InjectedFault(address_pattern=path, times=times, status=status, body=page)


def build_lost_route_fault(path: str = "", times: int | None = 1) -> InjectedFault:
    """Salesforce Edge does not know the host: 420."""
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
    """401 whatever the token, for ever unless `times` says otherwise."""
    message = "Session expired or invalid"
    return build_error_fault("INVALID_SESSION_ID", message, status=401, path=path, times=times)


class FaultQueue:
    """Those that wait to strike, oldest first; one strikes at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: list[tuple[InjectedFault, int | None]] = []

    def add_fault(self, fault: InjectedFault) -> None:
        """Let a fault strike `times` fitting requests from now on."""
        with self._lock:
            self._queue.append((fault, fault.times))

    def clear_faults(self) -> None:
        """Call every fault off."""
        with self._lock:
            self._queue.clear()

    def take_fault(self, address: str) -> InjectedFault | None:
        """The fault that hits this request, if any; it has struck once more then."""
        with self._lock:
            for index, (fault, left) in enumerate(self._queue):
                if re.search(fault.address_pattern, address):
                    if left is not None and left <= 1:
                        del self._queue[index]
                    else:
                        self._queue[index] = (fault, None if left is None else left - 1)
                    return fault
        return None
