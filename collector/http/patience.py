"""Waits on the network that end: each looks at the stop event, and has a deadline.

A socket alone knows how long to wait for the next byte, so whoever sends one a minute, in a body or
in headers, is waited for as long as he likes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from math import inf
from ssl import SSLContext
from typing import Any

import httpcore

from collector import clock
from collector.errors import StoppedError

SLICE_SECONDS = 0.25
"""The longest wait between two looks at the stop event."""

MAX_CONNECT_SECONDS = 15.0
"""For name servers and all addresses of a host together; each address has its own time-out."""

MAX_WRITE_SECONDS = 5.0
_WRITE_BYTES = 16 << 10


class _StopGrace:
    """For how long after the stop what has begun may still be finished."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end: float | None = None

    def is_over(self) -> bool:
        """Whether it is over; it begins when this is asked for the first time."""
        if self._end is None:
            self._end = clock.monotonic() + self._seconds
        return clock.monotonic() >= self._end


# What is true of the present request, in the thread that makes it.
_DEADLINE: ContextVar[float] = ContextVar("_DEADLINE", default=inf)
_STOP_GRACE: ContextVar[_StopGrace | None] = ContextVar("_STOP_GRACE", default=None)


@contextmanager
def limit_time(seconds: float) -> Iterator[None]:
    """Let what waits on the network inside end after so many seconds, in this thread.

    It then raises a time-out, as for a byte that did not come.
    """
    token = _DEADLINE.set(min(_DEADLINE.get(), clock.monotonic() + seconds))
    try:
        yield
    finally:
        _DEADLINE.reset(token)


@contextmanager
def allow_finish(seconds: float) -> Iterator[None]:
    """Let what waits on the network inside go on for so many seconds after the stop."""
    token = _STOP_GRACE.set(_StopGrace(seconds))
    try:
        yield
    finally:
        _STOP_GRACE.reset(token)


def read_deadline(timeout: float | None = None) -> float:
    """When a wait that begins now has to end, on the clock that never jumps."""
    end = inf if timeout is None else clock.monotonic() + timeout
    return min(end, _DEADLINE.get())


class PatientBackend(httpcore.NetworkBackend):
    """Connects for httpcore; raises StoppedError from any wait once `stop_event` is set."""

    def __init__(self, stop_event: threading.Event | None) -> None:
        self._stop_event = stop_event
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """A connection to the first address of a host that answers.

        It is made in a thread of its own, since nothing else can be done while a name is looked up.
        """
        attempt = _begin_attempt(
            lambda: self._inner.connect_tcp(host, port, timeout, local_address, socket_options)
        )
        return PatientStream(self._await_attempt(attempt), self._stop_event)

    def _await_attempt(self, attempt: Future[httpcore.NetworkStream]) -> httpcore.NetworkStream:
        """The connection that the attempt makes; one that comes too late is closed."""
        end = read_deadline(MAX_CONNECT_SECONDS)
        try:
            while clock.monotonic() < end:
                with suppress(TimeoutError):
                    return attempt.result(SLICE_SECONDS)
                _raise_if_stopped(self._stop_event)
        except BaseException:
            attempt.add_done_callback(_close_unused)
            raise
        attempt.add_done_callback(_close_unused)
        raise httpcore.ConnectTimeout("no connection in time")


class PatientStream(httpcore.NetworkStream):
    """A connection whose reads and writes look at the stop event and at the deadline."""

    def __init__(self, inner: httpcore.NetworkStream, stop_event: threading.Event | None) -> None:
        self._inner = inner
        self._stop_event = stop_event

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """The next bytes, as soon as there are any; none at the end."""
        end = read_deadline(timeout)
        while True:
            _raise_if_stopped(self._stop_event)
            seconds_left = end - clock.monotonic()
            if seconds_left <= 0:
                raise httpcore.ReadTimeout("the answer took too long")
            with suppress(httpcore.ReadTimeout):
                return self._inner.read(max_bytes, min(seconds_left, SLICE_SECONDS))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of it."""
        end = read_deadline(timeout)
        for start in range(0, len(buffer), _WRITE_BYTES):
            _raise_if_stopped(self._stop_event)
            seconds_left = end - clock.monotonic()
            if seconds_left <= 0:
                raise httpcore.WriteTimeout("the request took too long")
            block = buffer[start : start + _WRITE_BYTES]
            self._inner.write(block, min(seconds_left, MAX_WRITE_SECONDS))

    def close(self) -> None:
        """Close the connection."""
        self._inner.close()

    def start_tls(
        self,
        ssl_context: SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """The same connection under TLS. The whole handshake takes no longer than `timeout`."""
        _raise_if_stopped(self._stop_event)
        inner = self._inner.start_tls(ssl_context, server_hostname, timeout)
        return PatientStream(inner, self._stop_event)

    def get_extra_info(self, info: str) -> Any:
        """What httpcore asks of a connection."""
        return self._inner.get_extra_info(info)


def _begin_attempt(
    connect: Callable[[], httpcore.NetworkStream],
) -> Future[httpcore.NetworkStream]:
    attempt: Future[httpcore.NetworkStream] = Future()

    def make_attempt() -> None:
        try:
            attempt.set_result(connect())
        except Exception as problem:  # noqa: BLE001 - it is raised where the attempt is awaited
            attempt.set_exception(problem)

    threading.Thread(target=make_attempt, name="connect", daemon=True).start()
    return attempt


def _close_unused(attempt: Future[httpcore.NetworkStream]) -> None:
    if attempt.exception() is None:
        attempt.result().close()


def _raise_if_stopped(stop_event: threading.Event | None) -> None:
    if stop_event is None or not stop_event.is_set():
        return
    grace = _STOP_GRACE.get()
    if grace is None or grace.is_over():
        raise StoppedError("asked to end while waiting for the network")
