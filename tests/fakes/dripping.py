"""A server that answers as slowly as it is told to."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Self


class DrippingServer:
    """Sends `first` at once and then `rest`, a byte every `pause` seconds, to whoever asks.

    Attributes:
        asked: set once the head of a request has come.
    """

    def __init__(self, *, first: bytes = b"", rest: bytes = b"", pause: float = 0.1) -> None:
        self._first, self._rest, self._pause = first, rest, pause
        self.asked = threading.Event()
        self._ended = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(65_536)
            self.asked.set()
            connection.sendall(self._first)
            for byte in self._rest:
                if self._ended.wait(self._pause):
                    return
                connection.sendall(bytes([byte]))
            self._ended.wait()
