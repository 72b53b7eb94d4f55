"""A mail server that says a word now and then keeps its channel for a while, and not for ever."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from collector import clock
from collector.channels.email import sender
from collector.channels.email.sender import EmailNotifier
from collector.channels.email.settings import EmailSettings
from collector.model import (
    DeliveryOutcome,
    DeliverySuccess,
    IndeterminateDelivery,
    Message,
    RetryLater,
)
from fakes.smtp import create_certificate

SESSION_SECONDS = 0.6
PAUSE = 0.05


class TalkingServer:
    """Answers each of a mail's steps, and goes on with one of the answers for ever."""

    REPLIES = (
        ("", b"220 mail.example.com\r\n"),
        ("ehlo", b"250 mail.example.com\r\n"),
        ("mail", b"250 OK\r\n"),
        ("rcpt", b"250 OK\r\n"),
        ("data", b"354 go on\r\n"),
        (".", b"250 2.0.0 OK: queued\r\n"),
        ("quit", b"221 bye\r\n"),
    )

    def __init__(self, endless_verb: str, line: bytes, pause: float) -> None:
        self._endless_verb, self._line, self._pause = endless_verb, line, pause
        self._ended = threading.Event()

    def answer(self, connection: socket.socket) -> None:
        """Speak to one client until it leaves."""
        with connection, suppress(OSError), connection.makefile("rb") as lines:
            for verb, reply in self.REPLIES:
                if verb and not any(line.lower().startswith(verb.encode()) for line in lines):
                    return
                if verb == self._endless_verb:
                    self._talk_on(connection)
                connection.sendall(reply)

    def _talk_on(self, connection: socket.socket) -> None:
        while not self._ended.wait(self._pause):
            connection.sendall(self._line)

    def end(self) -> None:
        self._ended.set()


@contextmanager
def run_talking_server(
    verb: str, line: bytes, *, pause: float = PAUSE, context: ssl.SSLContext | None = None
) -> Iterator[int]:
    """Its port."""
    server = TalkingServer(verb, line, pause)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve_one() -> None:
            with suppress(OSError):
                connection, _ = listener.accept()
                if context is not None:
                    connection = context.wrap_socket(connection, server_side=True)
                server.answer(connection)

        thread = threading.Thread(target=serve_one)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.end()
            thread.join()


def send(
    message: Message, port: int, *, session_seconds: float = SESSION_SECONDS, **fields: Any
) -> tuple[DeliveryOutcome, float]:
    """What becomes of a message, and how long it takes. Each word comes well in time."""
    settings = {
        "host": "127.0.0.1",
        "port": port,
        "tls": "none",
        "sender": "collector@acme.com",
        "to": ("soc@acme.com",),
        **fields,
    }
    notifier = EmailNotifier(
        settings=EmailSettings(**settings), timeout_seconds=5, session_seconds=session_seconds
    )
    began = clock.monotonic()
    outcome = notifier.send(message)
    return outcome, clock.monotonic() - began


@pytest.mark.parametrize("verb", ["", "ehlo", "mail", "rcpt", "data"])
def test_a_reply_that_does_not_end_is_given_up_and_the_mail_tried_again(
    message: Message, verb: str
) -> None:
    with run_talking_server(verb, b"250-wait\r\n" if verb else b"2") as port:
        outcome, seconds = send(message, port)

    assert isinstance(outcome, RetryLater)
    assert "no answer before the mail had left: timed out" in outcome.reason
    assert seconds < 3


def test_so_is_one_over_tls(message: Message, tmp_path: Any) -> None:
    certificate = create_certificate(tmp_path)
    with run_talking_server("mail", b"2", context=certificate.build_context()) as port:
        outcome, seconds = send(message, port, tls="implicit", ca_file=certificate.file)

    assert isinstance(outcome, RetryLater)
    assert seconds < 3


def test_a_mail_that_has_left_is_left_open(message: Message) -> None:
    with run_talking_server(".", b"2") as port:
        outcome, seconds = send(message, port)

    assert isinstance(outcome, IndeterminateDelivery)
    assert seconds < 3


def test_a_goodbye_is_not_waited_for_long(
    message: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "GOODBYE_SECONDS", 0.2)
    with run_talking_server("quit", b"2") as port:
        outcome, seconds = send(message, port, session_seconds=60)

    assert outcome == DeliverySuccess(reference="2.0.0 OK: queued")
    assert seconds < 3


def test_a_reply_without_an_end_fills_no_memory(message: Message) -> None:
    with run_talking_server("ehlo", b"250-word\r\n" * 10_000, pause=0) as port:
        outcome, _ = send(message, port)

    assert isinstance(outcome, RetryLater)
    assert "its replies are too long" in outcome.reason
