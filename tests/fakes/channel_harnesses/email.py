"""E-mail under the laws of channels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from collector.channels.email.sender import EmailNotifier
from collector.channels.email.settings import EmailSettings
from collector.model import DeliveryOutcome, DeliveryRejection, DeliverySuccess, RetryLater
from collector.settings import Secret
from fakes.channel_harness import CANARY, Answer, Behaviour, ChannelBench, ChannelHarness
from fakes.slack import find_unused_port
from fakes.smtp import HANG_UP, ReceivedMail, run_mailbox

SMTP_CODES: Mapping[int, type[DeliveryOutcome]] = {
    **dict.fromkeys((250, 251, 252), DeliverySuccess),
    **dict.fromkeys((421, 430, 432, 450, 451, 452, 454, 455, 471), RetryLater),
    **dict.fromkeys((500, 501, 502, 503, 504, 521, 523, 530, 535, 538), DeliveryRejection),
    **dict.fromkeys((541, 550, 551, 552, 553, 554, 555, 571), DeliveryRejection),
}

_REPLIES = {
    Behaviour.TAKES_IT: "250 2.0.0 OK",
    Behaviour.IS_BUSY: "451 later",
    Behaviour.NEVER_TAKES_IT: "550 never",
    Behaviour.BREAKS_OFF: HANG_UP,
}


def _choose_reply(behaviour: Behaviour | Answer) -> str:
    if isinstance(behaviour, Behaviour):
        return _REPLIES[behaviour]
    # A reply is one line: what comes after a break would be another one's beginning.
    words = " ".join(behaviour.words.splitlines())
    return f"{behaviour.code} {words}".encode("utf-8", "replace").decode()


def _list_texts(mail: ReceivedMail) -> list[str]:
    parts = [part for part in mail.message.walk() if not part.is_multipart()]
    headers = [str(value) for value in mail.message.values()]
    return [*headers, *(part.get_content().replace("\r\n", "\n") for part in parts)]


def _build_settings(port: int) -> EmailSettings:
    return EmailSettings(
        host="127.0.0.1",
        port=port,
        tls="none",
        username="collector",
        password=Secret(CANARY),
        sender="collector@acme.com",
        to=("soc@acme.com",),
    )


@contextmanager
def _run() -> Iterator[ChannelBench]:
    with run_mailbox(password=CANARY) as box:
        yield ChannelBench(
            channel=EmailNotifier(settings=_build_settings(box.port)),
            react=lambda behaviour: box.replies.update(DATA=_choose_reply(behaviour)),
            read=lambda: [text for mail in box.mails for text in _list_texts(mail)],
        )


HARNESS = ChannelHarness(
    kind="email",
    settings=_build_settings(587),
    run=_run,
    build_unreachable=lambda: EmailNotifier(settings=_build_settings(find_unused_port())),
    codes=SMTP_CODES,
)
