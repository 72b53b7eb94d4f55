"""Carries what simple-salesforce sends over our own client."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import httpx
import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from collector.http.bodies import MAX_REFUSAL_BYTES, BodyTooLongError, read_body


def _ignore_status(_status: int) -> None:
    """Note nothing."""


def build_session(
    http_client: httpx.Client, *, note_status: Callable[[int], None] = _ignore_status
) -> requests.Session:
    """A session for simple-salesforce, carried over one of our clients.

    Time-outs, certificates, caps and the absence of redirects are the client's, for every call and
    whatever the caller asks for. `note_status` is told each HTTP status before the body is read.
    Raises what httpx raises, never a requests exception of transport.
    """
    session = requests.Session()
    session.trust_env = False
    session.headers.clear()
    session.adapters.clear()
    session.mount("https://", _HttpxAdapter(http_client, note_status))
    session.mount("http://", _HttpxAdapter(http_client, note_status))
    return session


class _HttpxAdapter(BaseAdapter):
    """Carries what a requests.Session sends over an httpx client."""

    def __init__(self, http_client: httpx.Client, note_status: Callable[[int], None]) -> None:
        super().__init__()
        self._http_client = http_client
        self._note_status = note_status

    def send(
        self, request: requests.PreparedRequest, *_: object, **__: object
    ) -> requests.Response:
        headers: dict[str, Any] = dict(request.headers)
        with self._http_client.stream(
            str(request.method), str(request.url), headers=headers, content=request.body
        ) as answer:
            self._note_status(answer.status_code)
            content = read_body(answer) if answer.is_success else _read_refusal(answer)
            return _to_requests_response(answer, request, content)

    def close(self) -> None:
        """Nothing: the owner of the client closes it."""


def _read_refusal(answer: httpx.Response) -> bytes:
    try:
        return read_body(answer, limit=MAX_REFUSAL_BYTES)
    except BodyTooLongError as problem:
        # However long a refusal is, it does not say that too much was asked for.
        raise httpx.DecodingError(f"{answer.status_code}, and {problem}") from None


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
