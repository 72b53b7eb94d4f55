"""An HTTP proxy on loopback that tunnels, forwards, and keeps a list of where to."""

from __future__ import annotations

import base64
import socket
import socketserver
import threading
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit


class FakeProxy:
    """Lets everybody through, or those alone who say `login` (`user:password`).

    Attributes:
        asked: the method and the target of each request, in order.
    """

    def __init__(self, login: str | None = None) -> None:
        self.requests: list[tuple[str, str]] = []
        self.expected_login = login and f"Basic {base64.b64encode(login.encode()).decode()}"
        self._server = _ProxyServer(("127.0.0.1", 0), _build_handler(self))
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"


class _ProxyServer(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Clients that hang up are none of our business."""


def _build_handler(proxy: FakeProxy) -> type[socketserver.BaseRequestHandler]:
    class ProxyHandler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            data = b""
            while b"\r\n\r\n" not in data:
                data += self.request.recv(65_536)
            head, _, rest = data.partition(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")
            method, target, _ = first.split(" ")
            headers = {line.partition(":")[0].lower(): line for line in lines}
            said = headers.pop("proxy-authorization", "").partition(": ")[2]
            if proxy.expected_login and said != proxy.expected_login:
                refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
                self.request.sendall(refusal)
                return
            proxy.requests.append((method, target))
            if method == "CONNECT":
                host, _, port = target.partition(":")
                self.request.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                self._relay_streams(host, int(port), b"")
                return
            url = urlsplit(target)
            path = url.path + (f"?{url.query}" if url.query else "")
            headers["connection"] = "Connection: close"
            plain = "\r\n".join([f"{method} {path} HTTP/1.1", *headers.values()])
            self._relay_streams(
                str(url.hostname), url.port or 80, f"{plain}\r\n\r\n".encode() + rest
            )

        def _relay_streams(self, host: str, port: int, first: bytes) -> None:
            with socket.create_connection((host, port), timeout=5) as there:
                there.sendall(first)
                back = threading.Thread(target=_pump_bytes, args=(there, self.request), daemon=True)
                back.start()
                _pump_bytes(self.request, there)
                back.join(5)

    return ProxyHandler


def _pump_bytes(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
