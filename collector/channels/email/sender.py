"""E-mail over SMTP: one connection, one transaction."""

from __future__ import annotations

import contextlib
import re
import smtplib
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, replace
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from ipaddress import ip_address
from typing import TypeAlias

from collector import clock, escaping
from collector.channels.email.message import compose_mail
from collector.channels.email.patient_smtp import PatientSmtp, PatientSmtpOverTls
from collector.channels.email.settings import EmailSettings
from collector.errors import CollectorError
from collector.http import limit_time, trust_certificates
from collector.loopback import is_loopback
from collector.model import (
    ChannelMessage,
    DeliveryOutcome,
    DeliveryRejection,
    DeliverySuccess,
    IndeterminateDelivery,
    RejectionScope,
    RetryLater,
)

TIMEOUT_SECONDS = 30.0
"""How long a server may take for each step."""

SESSION_SECONDS = 120.0
"""The longest for all steps of a mail together: one that says a word now and then would else keep
its channel for itself, and nobody would stand in."""

GOODBYE_SECONDS = 2.0
"""How long we wait for a goodbye: the mail is taken by then, and the next one waits."""

_REPLY_LIMIT = 200
_PLACEHOLDER_NAME = "localhost"
_OTHERS_SERVED = "the others have it"

_Answer: TypeAlias = tuple[int, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailNotifier:
    """Hands messages to a mail server.

    What is not plain from the receiver's answer:

    - A connection that breaks after the text began to leave is an indeterminate delivery; before,
      it is tried again later.
    - So it is after a certificate that does not verify, or without STARTTLS: nothing has left, and
      it heals when the server is mended or whoever sits in between has gone.
    - Recipients refused for good beside others that are not make it a success that names
      them, with the server's words. Where some are refused for now, the outcome names those who
      have the mail; whoever a message names as served is left out.
    """

    settings: EmailSettings
    timeout_seconds: float = TIMEOUT_SECONDS
    session_seconds: float = SESSION_SECONDS

    def send(self, message: ChannelMessage) -> DeliveryOutcome:
        """Hand the message over once."""
        settings = self.settings
        if settings.username and settings.tls == "none" and not is_loopback(settings.host):
            return DeliveryRejection(
                reason="no login without TLS: set 'tls' to starttls or implicit"
            )
        mail = compose_mail(
            message, sender=settings.sender, recipients=settings.to, date=clock.now()
        )
        try:
            with (
                limit_time(self.session_seconds),
                contextlib.closing(self._connect()) as server,
            ):
                return (
                    self._greet(server)
                    or self._start_tls(server)
                    or self._log_in(server)
                    or self._submit_mail(server, mail, message.served_recipients)
                )
        except CollectorError as problem:
            return RetryLater(reason=str(problem))
        except UnicodeError:  # of a label of more than 63 characters, for one
            return DeliveryRejection(reason=f"{self._server_name} is not the name of a host")
        except OSError as problem:  # every error of smtplib and of ssl is one
            return self._classify_error(problem)

    def _connect(self) -> smtplib.SMTP:
        # Left alone, smtplib would ask the name server for our name, perhaps for half a minute.
        where = (self.settings.host, self.settings.port, _PLACEHOLDER_NAME)
        if self.settings.tls != "implicit":
            return PatientSmtp(*where, timeout=self.timeout_seconds)
        return PatientSmtpOverTls(
            *where, timeout=self.timeout_seconds, context=self._build_tls_context()
        )

    def _greet(self, server: smtplib.SMTP) -> DeliveryOutcome | None:
        """None once the server knows us: by EHLO, or by HELO where that is enough."""
        server.local_hostname = self.settings.helo or _choose_helo(server)
        code, reply = server.ehlo()
        if 200 <= code < 300:
            return None
        if self.settings.tls != "starttls" and 200 <= server.helo()[0] < 300:
            return None
        refusal = self._build_refusal(f"us as {server.local_hostname}", code, reply)
        if isinstance(refusal, RetryLater):
            return refusal
        return replace(refusal, reason=f"{refusal.reason}; 'helo' sets another name")

    def _start_tls(self, server: smtplib.SMTP) -> DeliveryOutcome | None:
        if self.settings.tls != "starttls":
            return None
        server.starttls(context=self._build_tls_context())
        return self._greet(server)

    def _build_tls_context(self) -> ssl.SSLContext:
        return trust_certificates(ssl.create_default_context(), self.settings.ca_file)

    def _log_in(self, server: smtplib.SMTP) -> DeliveryOutcome | None:
        """None once we are in. The server's words are left out: they may repeat ours."""
        username, password = self.settings.username, self.settings.password
        if username is None or password is None:
            return None
        try:
            server.login(username, password.reveal())
        except smtplib.SMTPServerDisconnected:
            raise
        except smtplib.SMTPAuthenticationError as problem:
            return self._build_refusal("the login (check username and password)", problem.smtp_code)
        except UnicodeError:
            return DeliveryRejection(
                reason="SMTP logins take ASCII alone, in username and in password"
            )
        except (smtplib.SMTPException, ValueError):  # or a challenge that cannot be read
            return DeliveryRejection(
                reason=f"{self._server_name} offers no way to log in that we know"
            )
        return None

    def _submit_mail(
        self, server: smtplib.SMTP, mail: EmailMessage, served: frozenset[str]
    ) -> DeliveryOutcome:
        settings = self.settings
        is_international = not "".join((settings.sender, *settings.to)).isascii()
        if is_international and not server.has_extn("smtputf8"):
            return DeliveryRejection(
                reason=f"{self._server_name} takes ASCII addresses alone (no SMTPUTF8)"
            )
        options = ("SMTPUTF8", "BODY=8BITMIME") if is_international else ()
        code, reply = server.mail(settings.sender, options)
        if code != 250:
            return self._build_refusal(f"the sender {settings.sender}", code, reply)
        content = mail.as_bytes(policy=SMTPUTF8 if is_international else SMTP)
        return self._serve_recipients(server, content, served.intersection(settings.to))

    def _serve_recipients(
        self, server: smtplib.SMTP, content: bytes, served: frozenset[str]
    ) -> DeliveryOutcome:
        answers = {
            address: server.rcpt(address) for address in self.settings.to if address not in served
        }
        if not answers:
            return DeliverySuccess(reference=_OTHERS_SERVED)
        refused = {address: answer for address, answer in answers.items() if answer[0] // 10 != 25}
        # The mildest answer: if one of them may be had later, all of those are tried again.
        mildest = min(refused.items(), key=lambda item: item[1][0], default=None)
        if mildest and len(refused) == len(answers):
            return self._settle_refused(refused, mildest, served)
        outcome = self._send_data(server, content)
        if mildest is None or not isinstance(outcome, DeliverySuccess):
            return outcome
        served |= answers.keys() - refused.keys()
        return self._settle_refused(refused, mildest, served, outcome)

    def _settle_refused(
        self,
        refused: Mapping[str, _Answer],
        mildest: tuple[str, _Answer],
        served: frozenset[str],
        outcome: DeliverySuccess | None = None,
    ) -> DeliveryOutcome:
        """The outcome where recipients were refused; `outcome` is that of the others, if any."""
        address, (code, reply) = mildest
        refusal = self._build_refusal(f"the recipient {address}", code, reply)
        if not served:
            return refusal
        if isinstance(refusal, RetryLater):
            # The server takes mail: what comes for the others need not wait for this one.
            return replace(refusal, scope=RejectionScope.MESSAGE, served_recipients=served)
        words = (
            f"{name}: {code} {_decode_reply(reply)}" for name, (code, reply) in refused.items()
        )
        reference = outcome.reference if outcome else _OTHERS_SERVED
        return DeliverySuccess(
            reference=reference, refusals=f"refused recipients: {', '.join(words)}"
        )

    def _send_data(self, server: smtplib.SMTP, content: bytes) -> DeliveryOutcome:
        code, reply = server.docmd("DATA")
        if code != 354:
            return self._build_refusal("the mail", code, reply)
        try:
            server.send(_stuff_dots(content))
            code, reply = server.getreply()
        except OSError:
            return IndeterminateDelivery(
                reason=f"{self._server_name} hung up after the mail had left"
            )
        if not 200 <= code < 600:
            return IndeterminateDelivery(
                reason=f"{self._server_name} gave no clear answer after the mail had left"
            )
        if code >= 300:  # of what it has read: another mail may be welcome
            return self._build_refusal("the mail", code, reply, RejectionScope.MESSAGE)
        with contextlib.suppress(OSError), limit_time(GOODBYE_SECONDS):
            server.quit()
        return DeliverySuccess(reference=_decode_reply(reply))

    def _build_refusal(
        self,
        what: str,
        code: int,
        reply: bytes = b"",
        scope: RejectionScope = RejectionScope.CHANNEL,
    ) -> DeliveryRejection | RetryLater:
        reason = f"{self._server_name} refused {what}: {code} {_decode_reply(reply)}".rstrip()
        if code < 500:
            return RetryLater(reason=reason)
        return DeliveryRejection(reason=reason, scope=scope)

    def _classify_error(self, problem: OSError) -> DeliveryOutcome:
        match problem:
            case ssl.SSLCertVerificationError():
                reason = f"its certificate does not verify: {problem.verify_message}"
            case smtplib.SMTPResponseException():
                reply = problem.smtp_error
                reply = reply if isinstance(reply, bytes) else reply.encode()
                return self._build_refusal("us", problem.smtp_code, reply)
            case smtplib.SMTPNotSupportedError():
                reason = "it does not offer STARTTLS"
            case smtplib.SMTPServerDisconnected(__context__=OSError() as cause):
                reason = f"no answer before the mail had left: {cause.strerror or cause}"
            case smtplib.SMTPServerDisconnected():
                reason = "it hung up before the mail had left"
            case _:
                reason = f"it cannot be reached: {problem.strerror or type(problem).__name__}"
        return RetryLater(
            reason=escaping.escape_header(f"{self._server_name}: {reason}", _REPLY_LIMIT)
        )

    @property
    def _server_name(self) -> str:
        return f"{self.settings.host}:{self.settings.port}"


def _choose_helo(server: smtplib.SMTP) -> str:
    """This machine's name if it has a domain, which servers ask for, else our address."""
    name = socket.gethostname()
    if re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", name):
        return name
    if server.sock is None:
        return _PLACEHOLDER_NAME
    address = ip_address(str(server.sock.getsockname()[0]).partition("%")[0])
    return f"[IPv6:{address}]" if address.version == 6 else f"[{address}]"


_LEADING_DOT_PATTERN = re.compile(rb"^\.", re.MULTILINE)


def _stuff_dots(content: bytes) -> bytes:
    """The text as DATA wants it (RFC 5321, 4.5.2), with the end mark. Lines end with CR LF."""
    return _LEADING_DOT_PATTERN.sub(b"..", content) + b".\r\n"


def _decode_reply(reply: bytes) -> str:
    return escaping.escape_header(reply.decode("utf-8", "replace"), _REPLY_LIMIT)
