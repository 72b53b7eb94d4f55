"""A mail server on loopback: plain, STARTTLS or implicit TLS, refusing and breaking as told."""

from __future__ import annotations

import asyncio
import email
import email.policy
import ipaddress
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Literal

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

TlsMode = Literal["none", "starttls", "implicit"]

HANG_UP = "hang up"
SILENCE = "silence"


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfSignedCertificate:
    """A certificate that signed itself, and its key, as PEM files."""

    file: Path
    key: Path

    def build_context(self) -> ssl.SSLContext:
        """What a server needs to show it."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.file, self.key)
        return context


@dataclass(slots=True, kw_only=True)
class ReceivedMail:
    """A mail as it came: the envelope, and the bytes."""

    sender: str
    recipients: list[str]
    content: bytes

    @property
    def message(self) -> EmailMessage:
        """The mail, parsed."""
        return email.message_from_bytes(self.content, policy=email.policy.default)


@dataclass(slots=True, kw_only=True)
class Mailbox:
    """What the server has, and what it is to do.

    Attributes:
        replies: by verb (`EHLO` and `HELO`, `MAIL`, `DATA`) a reply line in place of the usual
            one, or `HANG_UP`, or `SILENCE`. That of `DATA` comes after the text was kept.
        refusals: by recipient, the reply line to RCPT.
        greetings: the names by which EHLO and HELO were said.
        known_names: if any, the names that are greeted; others are refused.
        logins: the user names and passwords that were tried.
        password: what opens; None where nobody asks for it.
        auth_refusal: the reply line to a wrong password.
    """

    port: int
    mails: list[ReceivedMail] = field(default_factory=list)
    replies: dict[str, str] = field(default_factory=dict)
    refusals: dict[str, str] = field(default_factory=dict)
    greetings: list[str] = field(default_factory=list)
    known_names: tuple[str, ...] = ()
    logins: list[tuple[str, str]] = field(default_factory=list)
    password: str | None = None
    auth_refusal: str = "535 5.7.8 Authentication credentials invalid"


@contextmanager
def run_mailbox(
    *,
    tls: TlsMode = "none",
    certificate: SelfSignedCertificate | None = None,
    password: str | None = None,
    international: bool = False,
) -> Iterator[Mailbox]:
    """A running mail server, which asks for a login where a password is given."""
    listener = socket.create_server(("127.0.0.1", 0))
    box = Mailbox(port=listener.getsockname()[1], password=password)
    context = certificate.build_context() if certificate else None
    server = _SmtpServer(
        _SmtpHandler(box),
        hostname="127.0.0.1",
        port=box.port,
        ready_timeout=30,
        server_hostname="mail.example.com",
        enable_SMTPUTF8=international,
        ssl_context=context if tls == "implicit" else None,
        tls_context=context if tls == "starttls" else None,
        authenticator=_build_authenticator(box),
        auth_require_tls=False,
        auth_exclude_mechanism=() if password else ("PLAIN", "LOGIN"),
    )
    server.listener = listener
    server.start()
    try:
        yield box
    finally:
        server.stop()


def create_certificate(directory: Path) -> SelfSignedCertificate:
    """A certificate for 127.0.0.1 and localhost."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.example.com")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    now = datetime.now(UTC)
    public = key.public_key()
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = SelfSignedCertificate(file=directory / "certificate.pem", key=directory / "key.pem")
    files.file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    files.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files


class _SmtpServer(Controller):
    """Listens on a port that the system chose."""

    listener: socket.socket

    def _create_server(self) -> Any:
        return self.loop.create_server(
            self._factory_invoker, sock=self.listener, ssl=self.ssl_context
        )


class _SmtpHandler:
    def __init__(self, box: Mailbox) -> None:
        self.box = box

    async def handle_EHLO(  # noqa: N802 - the library's name
        self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        reply = await self._choose_reply("EHLO", server, self._refuse_name(hostname))
        return [reply] if reply else responses

    async def handle_HELO(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, hostname: str
    ) -> str:
        session.host_name = hostname
        refusal = self._refuse_name(hostname)
        return await self._choose_reply("EHLO", server, refusal or "250 mail.example.com")

    def _refuse_name(self, hostname: str) -> str:
        self.box.greetings.append(hostname)
        if not self.box.known_names or hostname in self.box.known_names:
            return ""
        return "504 5.5.2 Helo command rejected: need fully-qualified hostname"

    async def handle_MAIL(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        return await self._choose_reply("MAIL", server, "250 OK")

    async def handle_RCPT(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if address in self.box.refusals:
            return self.box.refusals[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.box.mails.append(
            ReceivedMail(
                sender=envelope.mail_from,
                recipients=list(envelope.rcpt_tos),
                content=envelope.original_content,
            )
        )
        return await self._choose_reply("DATA", server, "250 2.0.0 OK: queued as 4XyZ")

    async def _choose_reply(self, verb: str, server: Any, usual: str) -> str:
        reply = self.box.replies.get(verb, usual)
        if reply == SILENCE:
            await asyncio.sleep(5)
        if reply == HANG_UP:
            server.transport.abort()
            await asyncio.sleep(5)
        return reply


def _build_authenticator(box: Mailbox) -> Any:
    def check_password(
        server: Any, session: Any, envelope: Any, mechanism: str, data: LoginPassword
    ) -> AuthResult:
        username, password = data.login.decode(), data.password.decode()
        box.logins.append((username, password))
        if password == box.password:
            return AuthResult(success=True)
        return AuthResult(success=False, handled=False, message=box.auth_refusal)

    return check_password
