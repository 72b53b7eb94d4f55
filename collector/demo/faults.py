"""Faults on command: what the org does instead of, or to, its next fitting answers."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass

Body = str | bytes | list[dict[str, str]] | dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault.

    Attributes:
        path: a regular expression, searched for in the path and decoded query of a request.
        times: how many requests it strikes; None for ever.
        status: answered instead of what was asked for, with `body`: text is HTML, bytes are
            octets, lists and dicts JSON. None lets the request through.
        delay: seconds before anything is answered.
        cut: bytes of the body after which the connection breaks.
    """

    path: str = ""
    times: int | None = 1
    status: int | None = None
    body: Body = ""
    delay: float = 0.0
    cut: int | None = None


def refused(
    code: str, message: str, *, status: int, path: str = "", times: int | None = 1
) -> Fault:
    """An error array of the REST API."""
    body = [{"message": message, "errorCode": code}]
    return Fault(path=path, times=times, status=status, body=body)


def maintenance(path: str = "", times: int | None = 1, *, status: int = 503) -> Fault:
    """An HTML page where an answer should be; `status` 200 is the nastiest."""
    page = "<html><head><title>Down for maintenance</title></head><body>We'll be back</body></html>"
    return Fault(path=path, times=times, status=status, body=page)


def lost_route(path: str = "", times: int | None = 1) -> Fault:
    """Salesforce Edge does not know the host: 420."""
    return Fault(path=path, times=times, status=420, body="<html><body>420</body></html>")


def query_timeout(path: str = "/query", times: int | None = 1) -> Fault:
    """QUERY_TIMEOUT, as 400."""
    message = "Your query request was running for too long."
    return refused("QUERY_TIMEOUT", message, status=400, path=path, times=times)


def daily_limit(path: str = "/services/data/v", times: int | None = 1) -> Fault:
    """REQUEST_LIMIT_EXCEEDED because the day's calls are used up."""
    message = "TotalRequests Limit exceeded."
    return refused("REQUEST_LIMIT_EXCEEDED", message, status=403, path=path, times=times)


def concurrent_limit(path: str = "/services/data/v", times: int | None = 1) -> Fault:
    """REQUEST_LIMIT_EXCEEDED because too many long requests run at once."""
    message = "ConcurrentRequests (Concurrent API Requests) Limit exceeded."
    return refused("REQUEST_LIMIT_EXCEEDED", message, status=403, path=path, times=times)


def expired_session(path: str = "/services/data/v", times: int | None = None) -> Fault:
    """401 whatever the token, for ever unless `times` says otherwise."""
    message = "Session expired or invalid"
    return refused("INVALID_SESSION_ID", message, status=401, path=path, times=times)


class Faults:
    """Those that wait to strike, oldest first; one strikes at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[tuple[Fault, int | None]] = []

    def add(self, fault: Fault) -> None:
        """Let a fault strike `times` fitting requests from now on."""
        with self._lock:
            self._waiting.append((fault, fault.times))

    def clear(self) -> None:
        """Call every fault off."""
        with self._lock:
            self._waiting.clear()

    def strike(self, address: str) -> Fault | None:
        """The fault that hits this request, if any; it has struck once more then."""
        with self._lock:
            for index, (fault, left) in enumerate(self._waiting):
                if re.search(fault.path, address):
                    if left is not None and left <= 1:
                        del self._waiting[index]
                    else:
                        self._waiting[index] = (fault, None if left is None else left - 1)
                    return fault
        return None
