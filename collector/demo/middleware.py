"""Middleware of every request: faults, limits of size, the Date header, the request log."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import datetime
from email.utils import format_datetime
from urllib.parse import unquote_plus

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from collector.demo.faults import InjectedFault
from collector.demo.org_backend import LoggedRequest, OrgBackend

MAX_ADDRESS_BYTES = 16_384
"""Bytes of the request line and headers together; beyond, Salesforce answers 414 or 431."""


class ConnectionCutError(Exception):
    """Raised into the server to break a connection in the middle of a body."""


def wrap_application(org: OrgBackend, inner: ASGIApp) -> ASGIApp:
    """The application with faults, size limits, the Date header and the request log."""

    async def answer_request(scope: Scope, receive: Receive, send: Send) -> None:
        query = unquote_plus(scope["query_string"].decode("latin-1"))
        path = scope["path"]
        fault = org.fault_queue.take_fault(f"{path}?{query}") or InjectedFault()
        await asyncio.sleep(fault.delay)
        time = org.clock()

        def record_status(status: int) -> None:
            logged_request = LoggedRequest(
                time=time, method=scope["method"], path=path, query=query, status=status
            )
            org.record_request(logged_request)

        response = _OutgoingResponse(
            send, cut_after=fault.cut_after, time=fault.date or time, record_status=record_status
        )
        respond = _find_fixed_answer(scope, fault) or inner
        await respond({**scope, "path": path.rstrip("/") or "/"}, receive, response)
        if response.is_broken:
            raise ConnectionCutError

    return answer_request


def _find_fixed_answer(scope: Scope, fault: InjectedFault) -> ASGIApp | None:
    """The response of a fault or an oversized request; None for the application's own."""
    if fault.status is not None:
        return _render_fault(fault.status, fault)
    size = len(scope["raw_path"]) + len(scope["query_string"])
    if size > MAX_ADDRESS_BYTES:
        return Response("URI Too Long", status_code=414)
    if size + sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_ADDRESS_BYTES:
        return Response("Request Header Fields Too Large", status_code=431)
    return None


def _render_fault(status: int, fault: InjectedFault) -> Response:
    if isinstance(fault.body, bytes):
        return Response(fault.body, status, media_type="application/octetstream")
    if isinstance(fault.body, str):
        return Response(fault.body, status, media_type="text/html")
    return Response(json.dumps(fault.body), status, media_type="application/json")


class _OutgoingResponse:
    """Sends an answer, stamped with the org's time, and stops after `cut_after` bytes of body."""

    def __init__(
        self,
        send: Send,
        *,
        cut_after: int | None,
        time: datetime,
        record_status: Callable[[int], None],
    ) -> None:
        self._send = send
        self._bytes_left = cut_after
        self._time = time
        self._record_status = record_status
        self.is_broken = False

    async def __call__(self, message: Message) -> None:
        if self.is_broken:
            return
        if message["type"] == "http.response.start":
            self._record_status(message["status"])
            date = format_datetime(self._time, usegmt=True).encode()
            message = {**message, "headers": [*message.get("headers", ()), (b"date", date)]}
        elif self._bytes_left is not None:
            message = self._shorten_message(message, self._bytes_left)
        await self._send(message)

    def _shorten_message(self, message: Message, bytes_left: int) -> Message:
        body = message.get("body", b"")
        self._bytes_left = bytes_left - len(body)
        if self._bytes_left >= 0:
            return message
        self.is_broken = True
        return {**message, "body": body[:bytes_left], "more_body": True}
