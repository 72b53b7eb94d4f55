"""SMTP connections whose waits end: smtplib knows how long to wait for a byte, not for a reply."""

from __future__ import annotations

import io
import smtplib
import socket
from typing import TYPE_CHECKING

from collector import clock
from collector.http import read_deadline

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_REPLY_BYTES = 1 << 20
"""All replies of a server on one connection; it may go on with a reply for as long as it likes."""


class PatientSmtp(smtplib.SMTP):
    """A connection that breaks where replies are not over by the deadline, or are too long.

    The deadline is that of `limit_time`.
    """

    def getreply(self) -> tuple[int, bytes]:
        """The next reply of the server; whatever reads one comes through here."""
        if self.file is None and self.sock is not None:
            self.file = io.BufferedReader(_ReplyStream(self.sock))
        return super().getreply()


class PatientSmtpOverTls(PatientSmtp, smtplib.SMTP_SSL):
    """The same over TLS from the first byte on."""


class _ReplyStream(io.RawIOBase):
    """What a server sends, as long as there is time. Raises OSError afterwards."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._timeout = sock.gettimeout()
        self._size = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """The next bytes, as soon as there are any."""
        seconds_left = read_deadline(self._timeout) - clock.monotonic()
        if seconds_left <= 0:
            raise TimeoutError("timed out")
        self._sock.settimeout(seconds_left)
        size = self._sock.recv_into(buffer)
        self._size += size
        if self._size > MAX_REPLY_BYTES:
            raise OSError("its replies are too long")
        return size
