"""Whatever the channel: the same behaviour of a receiver is the same outcome.

A new channel adds its receiver to RECEIVERS and is held to the whole table.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import pytest
from rich.console import Console

import collector.channels
from collector.channels.email import EmailNotifier
from collector.channels.slack import SlackNotifier
from collector.channels.terminal import TerminalNotifier
from collector.errors import CollectorError
from collector.model import (
    Channel,
    DeliveryOutcome,
    DeliveryRejection,
    DeliverySuccess,
    IndeterminateDelivery,
    Message,
    RetryLater,
)
from collector.settings import (
    ChannelSettings,
    EmailSettings,
    Secret,
    SlackSettings,
    TerminalSettings,
)
from fakes.slack import HangUp, WebhookReply, find_unused_port, run_slack_receiver
from fakes.smtp import HANG_UP, run_mailbox

TAKES_IT = "takes it"
IS_BUSY = "is busy"
NEVER_TAKES_IT = "never takes it"
BREAKS_OFF = "breaks off once it has it"
IS_NOT_THERE = "is not there"

TABLE: dict[str, type[DeliveryOutcome]] = {
    TAKES_IT: DeliverySuccess,
    IS_BUSY: RetryLater,
    NEVER_TAKES_IT: DeliveryRejection,
    BREAKS_OFF: IndeterminateDelivery,
    IS_NOT_THERE: RetryLater,
}


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A channel, and what its receiver has read so far."""

    channel: Channel
    read: Callable[[], list[str]]


@contextmanager
def slack(behaviour: str) -> Iterator[Bench]:
    reactions = {
        IS_BUSY: WebhookReply(status=429),
        NEVER_TAKES_IT: WebhookReply(status=404, body="no_service"),
        BREAKS_OFF: HangUp(),
    }
    with run_slack_receiver() as receiver:
        receiver.script.extend([reactions[behaviour]] * 2 if behaviour in reactions else [])
        nowhere = f"http://127.0.0.1:{find_unused_port()}/"
        url = nowhere if behaviour == IS_NOT_THERE else receiver.url
        yield Bench(
            channel=SlackNotifier(settings=SlackSettings(webhook_url=Secret(url))),
            read=lambda: [json.dumps(body) for body in receiver.bodies],
        )


@contextmanager
def mail(behaviour: str) -> Iterator[Bench]:
    replies = {IS_BUSY: "451 later", NEVER_TAKES_IT: "550 never", BREAKS_OFF: HANG_UP}
    with run_mailbox() as box:
        if behaviour in replies:
            box.replies["DATA"] = replies[behaviour]
        settings = EmailSettings(
            host="127.0.0.1",
            port=find_unused_port() if behaviour == IS_NOT_THERE else box.port,
            tls="none",
            sender="collector@acme.com",
            to=("soc@acme.com",),
        )
        yield Bench(
            channel=EmailNotifier(settings=settings),
            read=lambda: [received.content.decode() for received in box.mails],
        )


@contextmanager
def terminal(behaviour: str) -> Iterator[Bench]:
    stream = io.StringIO()
    shown: list[str] = []
    if behaviour == NEVER_TAKES_IT:
        stream.close()
    yield Bench(
        channel=TerminalNotifier(console=Console(file=stream, width=100)),
        read=lambda: [*shown, stream.getvalue()],
    )


Receiver = Callable[[str], AbstractContextManager[Bench]]
RECEIVERS: dict[str, Receiver] = {"slack": slack, "email": mail, "terminal": terminal}
CANNOT = {("terminal", behaviour) for behaviour in (IS_BUSY, BREAKS_OFF, IS_NOT_THERE)}
"""A terminal is there or it is closed."""

CASES = [
    pytest.param(receiver, behaviour, id=f"{kind} {behaviour}")
    for kind, receiver in RECEIVERS.items()
    for behaviour in TABLE
    if (kind, behaviour) not in CANNOT
]


@pytest.mark.parametrize(("receiver", "behaviour"), CASES)
def test_a_behaviour_is_an_outcome(receiver: Receiver, behaviour: str, message: Message) -> None:
    with receiver(behaviour) as bench:
        assert type(bench.channel.send(message)) is TABLE[behaviour]


@pytest.mark.parametrize("receiver", RECEIVERS.values(), ids=RECEIVERS)
def test_a_repeat_can_be_recognised_by_its_key(receiver: Receiver, message: Message) -> None:
    """A receiver that got it twice can tell: the second says so, with the key of both."""
    from dataclasses import replace

    with receiver(TAKES_IT) as bench:
        bench.channel.send(message)
        before = "".join(bench.read())
        bench.channel.send(replace(message, attempt=2))
        after = "".join(bench.read())[len(before) :]

    assert "possible repeat" not in before
    assert "possible repeat, attempt 2, key 3f9c2a7b10d4.1.secops" in after


# ---- the table of kinds


def test_every_kind_of_settings_has_a_channel_and_a_receiver_here() -> None:
    kinds = {
        settings.model_fields["type"].default for settings in collector.channels.CHANNEL_SETTINGS
    }

    assert set(collector.channels.CHANNEL_FACTORIES) == kinds == set(RECEIVERS)


@pytest.mark.parametrize(
    ("settings", "channel"),
    [
        (SlackSettings(webhook_url=Secret("https://hooks.example.com/canary")), SlackNotifier),
        (
            EmailSettings(host="smtp.acme.com", sender="a@acme.com", to=("soc@acme.com",)),
            EmailNotifier,
        ),
        (TerminalSettings(), TerminalNotifier),
    ],
)
def test_settings_become_the_channel_that_they_describe(
    settings: ChannelSettings, channel: type[Channel]
) -> None:
    built = collector.channels.build_channel("secops", settings)

    assert type(built) is channel
    assert "canary" not in repr(built)


def test_a_kind_without_a_row_is_named() -> None:
    settings = TerminalSettings.model_construct(type="pager")

    with pytest.raises(CollectorError, match=r"^channel secops: there is no kind 'pager'$"):
        collector.channels.build_channel("secops", settings)
