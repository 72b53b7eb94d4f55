"""Builds HTTP clients over waits that end."""

from __future__ import annotations

import logging
import ssl
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http import cookiejar
from pathlib import Path

import httpcore
import httpx

import collector
from collector.http.certificates import load_trust
from collector.http.patience import PatientBackend, limit_time

CONNECT_SECONDS = 5.0
READ_SECONDS = 60.0

MAX_HEADER_SECONDS = 90.0
"""The longest from the request to the end of the headers of its answer."""


def build_client(
    *,
    ca_file: Path | None = None,
    proxy: str | None = None,
    stop_event: threading.Event | None = None,
) -> httpx.Client:
    """An HTTP client that waits 5 s for a connection, 60 s for a byte and 90 s for the headers.

    It follows no redirect, keeps no cookie and reads no proxy, netrc or certificate setting from
    the environment. It may be used by several threads.

    Args:
        ca_file: certificates (PEM) to trust beside the public ones.
        proxy: the HTTP proxy that every request goes through, `http://user:password@host:port`.
        stop_event: once it is set, every wait raises StoppedError.
    """
    # httpx logs every URL at INFO, and a Slack webhook's URL is a secret.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("httpcore").setLevel(logging.WARNING)
    trust = load_trust(ca_file)
    backend = PatientBackend(stop_event)
    return httpx.Client(
        transport=_PatientTransport(_build_pool(trust, proxy, backend)),
        timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
        follow_redirects=False,
        trust_env=False,
        cookies=cookiejar.CookieJar(cookiejar.DefaultCookiePolicy(allowed_domains=[])),
        headers={"User-Agent": f"collector/{collector.__version__}", "Accept-Encoding": "gzip"},
    )


def _build_pool(
    trust: ssl.SSLContext, proxy: str | None, backend: PatientBackend
) -> httpcore.ConnectionPool:
    keepalive_expiry = httpx.Limits().keepalive_expiry
    if proxy is None:
        return httpcore.ConnectionPool(
            ssl_context=trust, keepalive_expiry=keepalive_expiry, network_backend=backend
        )
    parsed = httpx.Proxy(proxy)
    return httpcore.HTTPProxy(
        proxy_url=_to_core_url(parsed.url),
        proxy_auth=parsed.raw_auth,
        proxy_headers=parsed.headers.raw,
        ssl_context=trust,
        proxy_ssl_context=trust if parsed.url.scheme == "https" else None,
        keepalive_expiry=keepalive_expiry,
        network_backend=backend,
    )


def _to_core_url(url: httpx.URL) -> httpcore.URL:
    return httpcore.URL(
        scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
    )


class _PatientTransport(httpx.BaseTransport):
    """httpx's own transport, but with a network backend, which httpx does not let one choose."""

    def __init__(self, pool: httpcore.ConnectionPool) -> None:
        self._pool = pool

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The answer, up to the end of its headers."""
        core_request = httpcore.Request(
            method=request.method,
            url=_to_core_url(request.url),
            headers=request.headers.raw,
            content=_require_stream(request.stream),
            extensions=request.extensions,
        )
        with _translate_errors(), limit_time(MAX_HEADER_SECONDS):
            answer = self._pool.handle_request(core_request)
        return httpx.Response(
            status_code=answer.status,
            headers=answer.headers,
            stream=_AnswerStream(answer),
            extensions=answer.extensions,
        )

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()


class _AnswerStream(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        with _translate_errors():
            yield from _require_stream(self._answer.stream)

    def close(self) -> None:
        self._answer.close()


def _require_stream(stream: object) -> Iterable[bytes]:
    if not isinstance(stream, Iterable):
        raise TypeError("a stream of a client that is not asynchronous can be iterated")
    return stream


@contextmanager
def _translate_errors() -> Iterator[None]:
    """Raise httpcore's errors as those of httpx, which have the same names."""
    try:
        yield
    except tuple(_HTTPX_ERRORS) as problem:
        raise _HTTPX_ERRORS[type(problem)](str(problem)) from problem


_HTTPX_ERRORS: dict[type[Exception], type[httpx.TransportError]] = {
    getattr(httpcore, error.__name__): error
    for error in (
        httpx.ConnectError,
        httpx.ConnectTimeout,
        httpx.LocalProtocolError,
        httpx.PoolTimeout,
        httpx.ProxyError,
        httpx.ReadError,
        httpx.ReadTimeout,
        httpx.RemoteProtocolError,
        httpx.UnsupportedProtocol,
        httpx.WriteError,
        httpx.WriteTimeout,
    )
}
