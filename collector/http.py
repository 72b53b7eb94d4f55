"""The only place that builds an HTTP client: bounded in time and size, without redirects."""

from __future__ import annotations

import io
import logging
import re
import ssl
import zlib
from collections.abc import Iterator
from http import cookiejar
from pathlib import Path
from typing import Any

import httpx
import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

import collector
from collector import clock
from collector.errors import CollectorError
from collector.loopback import is_loopback

CONNECT_SECONDS = 5.0
READ_SECONDS = 60.0

MAX_BODY_BYTES = 64 << 20
"""The largest body that is ever held in memory, decoded."""

MAX_BODY_SECONDS = 300.0
"""The longest that such a body may take: one byte a minute is no answer."""

MAX_PIECE_BYTES = 256 << 10
"""The most that is decoded at a time."""

_HOST_PATTERN = re.compile(rb"[a-z0-9._:-]+")


def build_client(*, ca_file: Path | None = None, proxy: str | None = None) -> httpx.Client:
    """An HTTP client that waits 5 s for a connection and 60 s for a byte.

    It follows no redirect, keeps no cookie and reads no proxy, netrc or certificate setting from
    the environment. It may be used by several threads.

    Args:
        ca_file: certificates (PEM) to trust beside the public ones.
        proxy: the HTTP proxy that every request goes through, `http://user:password@host:port`.
    """
    # httpx logs every URL at INFO, and a Slack webhook's URL is a secret.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("httpcore").setLevel(logging.WARNING)
    trust = trust_certificates(httpx.create_ssl_context(trust_env=False), ca_file)
    return httpx.Client(
        verify=trust,
        proxy=_build_proxy(proxy, trust) if proxy else None,
        timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
        follow_redirects=False,
        trust_env=False,
        cookies=cookiejar.CookieJar(cookiejar.DefaultCookiePolicy(allowed_domains=[])),
        headers={"User-Agent": f"collector/{collector.__version__}", "Accept-Encoding": "gzip"},
    )


def build_session(http_client: httpx.Client) -> requests.Session:
    """A session for simple-salesforce, carried over one of our clients.

    Time-outs, certificates, caps and the absence of redirects are the client's, for every call and
    whatever the caller asks for. Raises what httpx raises, never a requests exception of transport.
    """
    session = requests.Session()
    session.trust_env = False
    session.headers.clear()
    session.adapters.clear()
    session.mount("https://", _HttpxAdapter(http_client))
    session.mount("http://", _HttpxAdapter(http_client))
    return session


def check_url(url: str, *, what: str) -> str:
    """The URL as it is, if it may be called: https, or http on this machine alone.

    Raises:
        CollectorError: a sentence about `what`; the URL, which may be a secret, is not in it.
    """
    try:
        parts = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError):
        raise CollectorError(f"{what} is not a URL") from None
    if parts.userinfo:
        raise CollectorError(f"{what} must not contain a user name or password")
    if not _HOST_PATTERN.fullmatch(parts.raw_host) or (parts.port or 443) > 65535:
        raise CollectorError(f"{what} must be a whole URL such as https://example.com")
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.host)):
        return url
    raise CollectorError(f"{what} must start with https:// (http:// is for this machine alone)")


def trust_certificates(context: ssl.SSLContext, ca_file: Path | None) -> ssl.SSLContext:
    """The same context, trusting the certificates (PEM) of a file, if one is given, as well.

    Raises:
        CollectorError: the file cannot be read as certificates; the sentence names it.
    """
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=ca_file)
        except OSError as problem:  # ssl.SSLError is one
            raise CollectorError(f"{ca_file} cannot be read as certificates: {problem}") from None
    return context


def read_body(answer: httpx.Response, *, limit: int = MAX_BODY_BYTES) -> bytes:
    """The whole decoded body of a streamed answer. Raises as `read_pieces` does."""
    return b"".join(read_pieces(answer, limit=limit, seconds=MAX_BODY_SECONDS))


def read_pieces(answer: httpx.Response, *, limit: int, seconds: float) -> Iterator[bytes]:
    """The decoded body of a streamed answer, at most `MAX_PIECE_BYTES` at a time.

    Raises:
        httpx.DecodingError: it is longer than `limit` bytes, packed in a way that we did not ask
            for, or a gzip stream that is broken, stops early or goes on after its end.
        httpx.TimeoutException: it takes longer than `seconds`, or a read takes too long.
        httpx.TransportError: the connection broke.
    """
    deadline = clock.monotonic() + seconds
    size = 0
    for piece in _read_decoded(answer):
        size += len(piece)
        if size > limit:
            raise httpx.DecodingError(f"the body is longer than {limit} bytes")
        if clock.monotonic() > deadline:
            raise httpx.ReadTimeout(f"the body took longer than {seconds:.0f} seconds")
        yield piece


def has_end(answer: httpx.Response) -> bool:
    """Whether a cut body can be told from a whole one: by its length, its chunks or its packing."""
    headers = answer.headers
    return any(h in headers for h in ("Content-Length", "Transfer-Encoding")) or _is_gzipped(answer)


def _read_decoded(answer: httpx.Response) -> Iterator[bytes]:
    return _inflate_chunks(answer.iter_raw()) if _is_gzipped(answer) else answer.iter_raw()


def _is_gzipped(answer: httpx.Response) -> bool:
    encoding: str = answer.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in {"", "identity", "gzip", "x-gzip"}:
        raise httpx.DecodingError("the body is packed in a way that was not asked for")
    return encoding.endswith("gzip")


def _inflate_chunks(chunks: Iterator[bytes]) -> Iterator[bytes]:
    # httpx and requests inflate a chunk whole, however large it becomes, and take a gzip stream
    # that stops early for a complete one.
    stream = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    for chunk in chunks:
        packed = chunk
        while packed or stream.unconsumed_tail:
            try:
                piece = stream.decompress(packed or stream.unconsumed_tail, MAX_PIECE_BYTES)
            except zlib.error:
                raise httpx.DecodingError("the gzip stream is broken") from None
            if stream.unused_data:
                raise httpx.DecodingError("the gzip stream goes on after its end")
            packed = stream.unconsumed_tail
            yield piece
    if not stream.eof:
        raise httpx.DecodingError("the gzip stream stops before its end")


def _build_proxy(url: str, trust: ssl.SSLContext) -> httpx.Proxy:
    https = url.lower().startswith("https:")
    return httpx.Proxy(url, ssl_context=trust if https else None)


class _HttpxAdapter(BaseAdapter):
    """Carries what a requests.Session sends over an httpx client."""

    def __init__(self, http_client: httpx.Client) -> None:
        super().__init__()
        self._http_client = http_client

    def send(
        self, request: requests.PreparedRequest, *_: object, **__: object
    ) -> requests.Response:
        headers: dict[str, Any] = dict(request.headers)
        with self._http_client.stream(
            str(request.method), str(request.url), headers=headers, content=request.body
        ) as answer:
            return _to_requests_response(answer, request, read_body(answer))

    def close(self) -> None:
        """Nothing: the owner of the client closes it."""


def _to_requests_response(
    answer: httpx.Response, request: requests.PreparedRequest, content: bytes
) -> requests.Response:
    response = requests.Response()
    response.status_code = answer.status_code
    response.reason = answer.reason_phrase
    response.headers = CaseInsensitiveDict(answer.headers)
    response.headers.pop("Location", None)  # which requests would follow
    response.raw = io.BytesIO(content)
    response.url = str(request.url)
    response.request = request
    response.encoding = "utf-8"
    return response
