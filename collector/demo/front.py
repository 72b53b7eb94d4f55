"""What happens to every request whatever it asks for: faults, limits of size, date, journal."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import datetime
from email.utils import format_datetime
from urllib.parse import unquote_plus

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from collector.demo.faults import Fault
from collector.demo.org import Org, Visit

MAX_ADDRESS = 16_384
"""Bytes of the request line and headers together; beyond, Salesforce answers 414 or 431."""


class ConnectionCutError(Exception):
    """Raised into the server to break a connection in the middle of a body."""


def front(org: Org, inner: ASGIApp) -> ASGIApp:
    """Faults, oversized addresses, the Date header and the journal, around the application."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        query = unquote_plus(scope["query_string"].decode("latin-1"))
        path = scope["path"]
        fault = org.faults.strike(f"{path}?{query}") or Fault()
        await asyncio.sleep(fault.delay)
        time = org.clock()

        def record(status: int) -> None:
            visit = Visit(time=time, method=scope["method"], path=path, query=query, status=status)
            org.record(visit)

        outgoing = _Outgoing(send, cut=fault.cut, time=time, record=record)
        answer = _fixed(scope, fault) or inner
        await answer({**scope, "path": path.rstrip("/") or "/"}, receive, outgoing)
        if outgoing.broken:
            raise ConnectionCutError

    return application


def _fixed(scope: Scope, fault: Fault) -> ASGIApp | None:
    """The answer that does not depend on what was asked for, if there is one."""
    if fault.status is not None:
        return _fault_answer(fault.status, fault)
    address = len(scope["raw_path"]) + len(scope["query_string"])
    if address > MAX_ADDRESS:
        return Response("URI Too Long", status_code=414)
    if address + sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_ADDRESS:
        return Response("Request Header Fields Too Large", status_code=431)
    return None


def _fault_answer(status: int, fault: Fault) -> Response:
    if isinstance(fault.body, bytes):
        return Response(fault.body, status, media_type="application/octetstream")
    if isinstance(fault.body, str):
        return Response(fault.body, status, media_type="text/html")
    return Response(json.dumps(fault.body), status, media_type="application/json")


class _Outgoing:
    """Passes an answer on, stamped with the org's time, and stops after `cut` bytes of body."""

    def __init__(
        self, send: Send, *, cut: int | None, time: datetime, record: Callable[[int], None]
    ) -> None:
        self._send = send
        self._left = cut
        self._time = time
        self._record = record
        self.broken = False

    async def __call__(self, message: Message) -> None:
        if self.broken:
            return
        if message["type"] == "http.response.start":
            self._record(message["status"])
            date = format_datetime(self._time, usegmt=True).encode()
            message = {**message, "headers": [*message.get("headers", ()), (b"date", date)]}
        elif self._left is not None:
            message = self._shortened(message, self._left)
        await self._send(message)

    def _shortened(self, message: Message, left: int) -> Message:
        body = message.get("body", b"")
        self._left = left - len(body)
        if self._left >= 0:
            return message
        self.broken = True
        return {**message, "body": body[:left], "more_body": True}
