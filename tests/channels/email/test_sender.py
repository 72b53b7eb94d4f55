"""What a mail server answers becomes the right outcome, over every kind of connection."""

from __future__ import annotations

import logging
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from collector.channels.email.sender import EmailNotifier
from collector.channels.email.settings import EmailSettings
from collector.model import (
    DeliveryOutcome,
    DeliveryRejection,
    DeliverySuccess,
    IndeterminateDelivery,
    Message,
    RejectionScope,
    RetryLater,
)
from collector.settings import Secret
from fakes.slack import find_unused_port
from fakes.smtp import (
    HANG_UP,
    SILENCE,
    Mailbox,
    SelfSignedCertificate,
    create_certificate,
    run_mailbox,
)

QUEUED = DeliverySuccess(reference="2.0.0 OK: queued as 4XyZ")
PASSWORD = "canary-password"


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> SelfSignedCertificate:
    return create_certificate(tmp_path_factory.mktemp("tls"))


def channel(port: int, **fields: Any) -> EmailNotifier:
    """A channel to that port, in plain text unless told otherwise."""
    settings = {
        "host": "127.0.0.1",
        "port": port,
        "tls": "none",
        "sender": "collector@acme.com",
        "to": ("soc@acme.com", "ciso@acme.com"),
        **fields,
    }
    return EmailNotifier(settings=EmailSettings(**settings), timeout_seconds=0.4)


def outcome_of(message: Message, **box_fields: Any) -> tuple[DeliveryOutcome, Mailbox]:
    """What comes of a message to a server that behaves so."""
    with run_mailbox() as box:
        for name, value in box_fields.items():
            setattr(box, name, value)
        return channel(box.port).send(message), box


# ---- what arrives


def test_the_mail_arrives_once_for_those_of_the_settings(message: Message) -> None:
    outcome, box = outcome_of(message)
    [received] = box.mails

    assert outcome == QUEUED
    assert received.sender == "collector@acme.com"
    assert received.recipients == ["soc@acme.com", "ciso@acme.com"]
    assert received.message["Message-ID"] == "<3f9c2a7b10d4.1.secops@acme.com>"
    assert received.message["Subject"].strip() == f"[acme] Critical: {message.alert.title}"


def test_a_line_of_one_dot_does_not_end_the_mail(message: Message) -> None:
    """RFC 5321, 4.5.2: a leading dot is doubled on the way and single on arrival."""
    with run_mailbox() as box:
        sender = channel(box.port)
        with sender._connect() as server:
            server.ehlo()
            server.mail("collector@acme.com")
            server.rcpt("soc@acme.com")
            content = b"Subject: dots\r\n\r\n.\r\n..two\r\nend\r\n"

            assert sender._send_data(server, content) == QUEUED

    assert box.mails[0].content == content


@pytest.mark.parametrize("international", [True, False])
def test_addresses_beyond_ascii_need_a_server_that_takes_them(
    message: Message, *, international: bool
) -> None:
    with run_mailbox(international=international) as box:
        outcome = channel(box.port, to=("jürgen@acme.com",)).send(message)

    if international:
        assert outcome == QUEUED
        assert box.mails[0].recipients == ["jürgen@acme.com"]
    else:
        name = f"127.0.0.1:{box.port}"
        assert outcome == DeliveryRejection(
            reason=f"{name} takes ASCII addresses alone (no SMTPUTF8)"
        )


# ---- refusals


@pytest.mark.parametrize(
    ("verb", "what"),
    [
        ("MAIL", "the sender collector@acme.com"),
        ("DATA", "the mail"),
    ],
)
@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        ("451 4.3.0 try later", RetryLater),
        ("421 4.3.2 closing", RetryLater),
        ("550 5.7.1 not you", DeliveryRejection),
        ("552 5.3.4 too big", DeliveryRejection),
    ],
)
def test_a_refusal_for_now_is_again_and_one_for_good_is_refused(
    message: Message, verb: str, what: str, reply: str, kind: type[RetryLater | DeliveryRejection]
) -> None:
    outcome, box = outcome_of(message, replies={verb: reply})

    reason = f"127.0.0.1:{box.port} refused {what}: {reply}"
    scope = RejectionScope.MESSAGE if verb == "DATA" else RejectionScope.CHANNEL
    for_good = DeliveryRejection(reason=reason, scope=scope)
    assert outcome == (RetryLater(reason=reason) if kind is RetryLater else for_good)


@pytest.mark.parametrize(
    ("soc", "ciso", "kind"),
    [
        ("550 5.1.1 unknown", "550 5.1.1 unknown", DeliveryRejection),
        ("550 5.1.1 unknown", "450 4.2.1 greylisted", RetryLater),
        ("450 4.2.1 greylisted", "450 4.2.1 greylisted", RetryLater),
    ],
)
def test_with_no_recipient_left_the_mildest_refusal_decides(
    message: Message, soc: str, ciso: str, kind: type[DeliveryOutcome]
) -> None:
    refusals = {"soc@acme.com": soc, "ciso@acme.com": ciso}
    outcome, box = outcome_of(message, refusals=refusals)

    assert isinstance(outcome, kind)
    assert box.mails == []


def test_a_recipient_who_is_refused_for_good_beside_another_is_named(message: Message) -> None:
    reply = "550 5.1.1 no such user"
    outcome, box = outcome_of(message, refusals={"ciso@acme.com": reply})

    assert outcome == DeliverySuccess(
        reference="2.0.0 OK: queued as 4XyZ",
        refusals=f"refused recipients: ciso@acme.com: {reply}",
    )
    assert [mail.recipients for mail in box.mails] == [["soc@acme.com"]]


def test_a_recipient_who_is_refused_for_now_is_tried_again_alone(message: Message) -> None:
    reply = "451 4.7.1 greylisted"
    with run_mailbox() as box:
        notifier = channel(box.port)
        box.refusals = {"ciso@acme.com": reply}
        first = notifier.send(message)
        rest = replace(message, served_recipients=frozenset({"soc@acme.com"}))
        second = notifier.send(rest)
        box.refusals = {}
        third = notifier.send(rest)

    again = RetryLater(
        reason=f"127.0.0.1:{box.port} refused the recipient ciso@acme.com: {reply}",
        scope=RejectionScope.MESSAGE,
        served_recipients=frozenset({"soc@acme.com"}),
    )
    assert [first, second, third] == [again, again, QUEUED]
    assert [mail.recipients for mail in box.mails] == [["soc@acme.com"], ["ciso@acme.com"]]


def test_who_is_refused_for_good_at_last_is_named_and_nobody_gets_it_twice(
    message: Message,
) -> None:
    with run_mailbox() as box:
        box.refusals = {"ciso@acme.com": "550 5.1.1 no such user"}
        served = frozenset({"soc@acme.com"})
        last = channel(box.port).send(replace(message, served_recipients=served))

    words = "refused recipients: ciso@acme.com: 550 5.1.1 no such user"
    assert last == DeliverySuccess(reference="the others have it", refusals=words)
    assert box.mails == []


def test_who_was_served_and_is_no_recipient_any_more_does_not_stand_for_the_others(
    message: Message,
) -> None:
    with run_mailbox() as box:
        box.refusals = {"ciso@acme.com": "550 5.1.1 no such user"}
        left = replace(message, served_recipients=frozenset({"former@acme.com"}))
        outcome = channel(box.port, to=("ciso@acme.com",)).send(left)

    assert isinstance(outcome, DeliveryRejection)


# ---- the greeting


def test_we_greet_by_a_name_with_a_domain_or_by_our_address(message: Message) -> None:
    """RFC 5321, 4.1.3: an address literal stands for a host without a name in the DNS."""
    outcome, box = outcome_of(message)
    name = socket.gethostname()

    assert outcome == QUEUED
    assert box.greetings == [name if "." in name else "[127.0.0.1]"]


def test_the_settings_name_us(message: Message) -> None:
    with run_mailbox() as box:
        box.known_names = ("collector.acme.com",)
        outcome = channel(box.port, helo="collector.acme.com").send(message)

    assert (outcome, box.greetings) == (QUEUED, ["collector.acme.com"])


def test_what_the_server_says_to_our_name_is_shown(message: Message) -> None:
    with run_mailbox() as box:
        box.known_names = ("collector.acme.com",)
        outcome = channel(box.port, helo="laptop").send(message)

    assert outcome == DeliveryRejection(
        reason=f"127.0.0.1:{box.port} refused us as laptop: 504 5.5.2 Helo command rejected:"
        " need fully-qualified hostname; 'helo' sets another name"
    )


def test_a_server_that_greets_nobody_for_now_is_tried_again(message: Message) -> None:
    outcome, box = outcome_of(message, replies={"EHLO": "421 4.3.2 closing"})
    name = box.greetings[0]

    assert outcome == RetryLater(
        reason=f"127.0.0.1:{box.port} refused us as {name}: 421 4.3.2 closing"
    )


def test_a_server_with_starttls_that_refuses_our_name_is_shown(
    message: Message, certificate: SelfSignedCertificate
) -> None:
    with run_mailbox(tls="starttls", certificate=certificate) as box:
        box.known_names = ("collector.acme.com",)
        outcome = channel(box.port, tls="starttls", ca_file=certificate.file, helo="laptop").send(
            message
        )

    assert isinstance(outcome, DeliveryRejection)
    assert "refused us as laptop: 504 5.5.2 Helo command rejected" in outcome.reason


@pytest.mark.parametrize("helo", ["", "a b", "mail\r\nDATA", "[192.0.2.1", "-x", "ü.example.com"])
def test_a_name_that_is_none_cannot_be_set(helo: str) -> None:
    with pytest.raises(ValidationError, match="the name of a host, or an address in brackets"):
        channel(25, helo=helo)


def test_the_words_of_a_server_are_hostile_too(message: Message) -> None:
    outcome, _ = outcome_of(message, replies={"MAIL": "550 \x1b[2J\u202e" + "x" * 400})

    assert isinstance(outcome, DeliveryRejection)
    assert outcome.reason.isprintable()
    assert len(outcome.reason) < 300


# ---- broken connections


@pytest.mark.parametrize("how", [HANG_UP, SILENCE])
@pytest.mark.parametrize("verb", ["EHLO", "MAIL"])
def test_a_break_before_the_mail_left_is_again(message: Message, verb: str, how: str) -> None:
    outcome, box = outcome_of(message, replies={verb: how})

    assert isinstance(outcome, RetryLater)
    assert box.mails == []


@pytest.mark.parametrize("how", [HANG_UP, SILENCE])
def test_a_break_after_the_mail_left_leaves_it_open(message: Message, how: str) -> None:
    outcome, box = outcome_of(message, replies={"DATA": how})

    assert outcome == IndeterminateDelivery(
        reason=f"127.0.0.1:{box.port} hung up after the mail had left"
    )
    assert len(box.mails) == 1


def test_an_answer_that_is_none_leaves_it_open(message: Message) -> None:
    outcome, box = outcome_of(message, replies={"DATA": "well done"})

    assert outcome == IndeterminateDelivery(
        reason=f"127.0.0.1:{box.port} gave no clear answer after the mail had left"
    )


def test_nothing_has_left_where_nobody_listens(message: Message) -> None:
    port = find_unused_port()

    assert channel(port).send(message) == RetryLater(
        reason=f"127.0.0.1:{port}: it cannot be reached: Connection refused"
    )


def test_a_name_that_is_none_is_refused(message: Message) -> None:
    host = "a" * 64 + ".example.com"

    assert channel(25, host=host, allow_plaintext=True).send(message) == DeliveryRejection(
        reason=f"{host}:25 is not the name of a host"
    )


# ---- TLS


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_certificate_that_is_trusted_opens_the_way(
    message: Message, certificate: SelfSignedCertificate, tls: Any
) -> None:
    with run_mailbox(tls=tls, certificate=certificate) as box:
        assert channel(box.port, tls=tls, ca_file=certificate.file).send(message) == QUEUED

    assert len(box.mails) == 1


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_certificate_that_does_not_verify_stops_everything_until_it_does(
    message: Message, certificate: SelfSignedCertificate, tls: Any
) -> None:
    with run_mailbox(tls=tls, certificate=certificate) as box:
        assert channel(box.port, tls=tls).send(message) == RetryLater(
            reason=f"127.0.0.1:{box.port}: its certificate does not verify: self-signed certificate"
        )
    assert box.mails == []


def test_a_server_without_starttls_gets_nothing(message: Message) -> None:
    with run_mailbox(password=PASSWORD) as box:
        sender = channel(box.port, tls="starttls", username="u", password=Secret(PASSWORD))

        assert sender.send(message) == RetryLater(
            reason=f"127.0.0.1:{box.port}: it does not offer STARTTLS"
        )
    assert (box.mails, box.logins) == ([], [])


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_certificates_that_cannot_be_read_are_named(
    message: Message, certificate: SelfSignedCertificate, tmp_path: Path, tls: Any
) -> None:
    missing = tmp_path / "missing.pem"
    with run_mailbox(tls=tls, certificate=certificate) as box:
        outcome = channel(box.port, tls=tls, ca_file=missing).send(message)

    assert isinstance(outcome, RetryLater)
    assert outcome.reason.startswith(f"{missing} cannot be read as certificates")


# ---- logging in


@pytest.mark.parametrize("tls", ["none", "starttls", "implicit"])
def test_a_login_comes_before_the_mail(
    message: Message, certificate: SelfSignedCertificate, tls: Any
) -> None:
    shown = None if tls == "none" else certificate
    with run_mailbox(tls=tls, certificate=shown, password=PASSWORD) as box:
        ca_file = certificate.file if shown else None
        sender = channel(
            box.port, tls=tls, ca_file=ca_file, username="u", password=Secret(PASSWORD)
        )

        assert sender.send(message) == QUEUED
    assert box.logins == [("u", PASSWORD)]


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        ("535 5.7.8 invalid: canary-password", DeliveryRejection),
        ("454 4.7.0 try later: canary-password", RetryLater),
    ],
)
def test_a_login_is_refused_for_now_or_for_good_in_our_words_alone(
    message: Message, refusal: str, kind: type[RetryLater | DeliveryRejection]
) -> None:
    with run_mailbox(password="another") as box:
        box.auth_refusal = refusal
        outcome = channel(box.port, username="u", password=Secret(PASSWORD)).send(message)

    assert outcome == kind(
        reason=f"127.0.0.1:{box.port} refused the login (check username and password): "
        + refusal[:3]
    )


def test_a_server_without_logins_is_refused(message: Message) -> None:
    with run_mailbox() as box:
        outcome = channel(box.port, username="u", password=Secret(PASSWORD)).send(message)

    assert outcome == DeliveryRejection(
        reason=f"127.0.0.1:{box.port} offers no way to log in that we know"
    )


def test_a_password_beyond_ascii_is_refused_without_being_shown(message: Message) -> None:
    with run_mailbox(password=PASSWORD) as box:
        outcome = channel(box.port, username="u", password=Secret("canary-ä")).send(message)

    assert outcome == DeliveryRejection(
        reason="SMTP logins take ASCII alone, in username and in password"
    )


def test_no_password_crosses_the_network_in_the_clear(message: Message) -> None:
    sender = channel(
        25, host="192.0.2.1", allow_plaintext=True, username="u", password=Secret(PASSWORD)
    )

    assert sender.send(message) == DeliveryRejection(
        reason="no login without TLS: set 'tls' to starttls or implicit"
    )


def test_the_password_is_told_to_nobody(
    message: Message, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG, logger="collector")
    with run_mailbox(password="another") as box:
        sender = channel(box.port, username="u", password=Secret(PASSWORD))
        said = [repr(sender.send(message)), repr(sender), str(sender)]
    printed = capsys.readouterr()

    assert [password for _, password in box.logins] == [PASSWORD] * 2
    assert "canary" not in " ".join([*said, caplog.text, printed.out, printed.err])
