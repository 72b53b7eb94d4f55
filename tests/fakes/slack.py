"""A receiver of webhooks on loopback: answers as it is told, and keeps what it was given."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookReply:
    """An HTTP answer."""

    status: int = 200
    body: str = "ok"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class HangUp:
    """Read the whole request, then close the connection without a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionReset:
    """Read the whole request, then reset the connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Read the whole request, then say nothing until the receiver is stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TruncatedReply:
    """Send the status line and the headers, then break in the middle of the body."""

    status: int = 200


Reaction = WebhookReply | HangUp | ConnectionReset | Silence | TruncatedReply


class SlackReceiver:
    """A webhook: `script` holds the next reactions, after them it says 200 ok.

    Every body that was read is in `bodies`, whatever the reaction was, and its headers in
    `headers`.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.script: deque[Reaction] = deque()
        self.bodies: list[Any] = []
        self.headers: list[Mapping[str, str]] = []
        self.stop_event = threading.Event()

    def take_reaction(self, body: bytes, headers: Mapping[str, str]) -> Reaction:
        """Keep a request, and say how to react to it."""
        self.bodies.append(json.loads(body))
        self.headers.append(headers)
        return self.script.popleft() if self.script else WebhookReply()


@contextmanager
def run_slack_receiver(path: str = "/services/T000/B000/canary") -> Iterator[SlackReceiver]:
    """A running receiver."""
    server = _WebhookServer(("127.0.0.1", 0), _WebhookHandler)
    receiver = SlackReceiver(f"http://127.0.0.1:{server.server_address[1]}{path}")
    server.receiver = receiver
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.stop_event.set()
        server.shutdown()
        thread.join()
        server.server_close()


def find_unused_port() -> int:
    """A port of loopback on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class _WebhookServer(ThreadingHTTPServer):
    daemon_threads = False
    receiver: SlackReceiver


class _WebhookHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _WebhookServer

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        match self.server.receiver.take_reaction(body, dict(self.headers)):
            case WebhookReply() as answer:
                self._send_reply(answer)
            case TruncatedReply(status=status):
                self._send_reply(
                    WebhookReply(status=status, body="", headers={"Content-Length": "10"})
                )
                self.close_connection = True
            case ConnectionReset():
                self._reset_connection()
            case HangUp():
                self.close_connection = True
            case Silence():
                self.server.receiver.stop_event.wait(10)
                self.close_connection = True

    def _send_reply(self, answer: WebhookReply) -> None:
        body = answer.body.encode()
        self.send_response(answer.status)
        for name, value in {"Content-Length": str(len(body)), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _reset_connection(self) -> None:
        # A close that lingers for no time is a reset.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True
