"""Whatever the channel: the same behaviour of a receiver is the same outcome.

A new channel adds its receiver to RECEIVERS and is held to the whole table.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import get_args

import pytest
from rich.console import Console

import collector.channels
from collector.channels.email import Email
from collector.channels.slack import Slack
from collector.channels.terminal import Terminal
from collector.errors import CollectorError
from collector.model import Again, Channel, Message, Outcome, Refused, Sent, Unknown
from collector.settings import (
    ChannelSettings,
    EmailChannel,
    Secret,
    SlackChannel,
    TerminalChannel,
)
from fakes.slack import Answer, HangUp, slack_receiver, unused_port
from fakes.smtp import HANG_UP, mailbox

TAKES_IT = "takes it"
IS_BUSY = "is busy"
NEVER_TAKES_IT = "never takes it"
BREAKS_OFF = "breaks off once it has it"
IS_NOT_THERE = "is not there"

TABLE: dict[str, type[Outcome]] = {
    TAKES_IT: Sent,
    IS_BUSY: Again,
    NEVER_TAKES_IT: Refused,
    BREAKS_OFF: Unknown,
    IS_NOT_THERE: Again,
}


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A channel, and what its receiver has read so far."""

    channel: Channel
    read: Callable[[], list[str]]


@contextmanager
def slack(behaviour: str) -> Iterator[Bench]:
    reactions = {
        IS_BUSY: Answer(status=429),
        NEVER_TAKES_IT: Answer(status=404, body="no_service"),
        BREAKS_OFF: HangUp(),
    }
    with slack_receiver() as receiver:
        receiver.script.extend([reactions[behaviour]] * 2 if behaviour in reactions else [])
        nowhere = f"http://127.0.0.1:{unused_port()}/"
        url = nowhere if behaviour == IS_NOT_THERE else receiver.url
        yield Bench(
            channel=Slack(settings=SlackChannel(webhook_url=Secret(url))),
            read=lambda: [json.dumps(body) for body in receiver.bodies],
        )


@contextmanager
def mail(behaviour: str) -> Iterator[Bench]:
    replies = {IS_BUSY: "451 later", NEVER_TAKES_IT: "550 never", BREAKS_OFF: HANG_UP}
    with mailbox() as box:
        if behaviour in replies:
            box.replies["DATA"] = replies[behaviour]
        settings = EmailChannel(
            host="127.0.0.1",
            port=unused_port() if behaviour == IS_NOT_THERE else box.port,
            tls="none",
            sender="collector@acme.com",
            to=("soc@acme.com",),
        )
        yield Bench(
            channel=Email(settings=settings),
            read=lambda: [received.content.decode() for received in box.received],
        )


@contextmanager
def terminal(behaviour: str) -> Iterator[Bench]:
    stream = io.StringIO()
    shown: list[str] = []
    if behaviour == NEVER_TAKES_IT:
        stream.close()
    yield Bench(
        channel=Terminal(console=Console(file=stream, width=100)),
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
    kinds = {settings.model_fields["type"].default for settings in get_args(ChannelSettings)}

    assert set(collector.channels.KINDS) == kinds == set(RECEIVERS)


@pytest.mark.parametrize(
    ("settings", "channel"),
    [
        (SlackChannel(webhook_url=Secret("https://hooks.example.com/canary")), Slack),
        (
            EmailChannel(host="smtp.acme.com", sender="a@acme.com", to=("soc@acme.com",)),
            Email,
        ),
        (TerminalChannel(), Terminal),
    ],
)
def test_settings_become_the_channel_that_they_describe(
    settings: ChannelSettings, channel: type[Channel]
) -> None:
    built = collector.channels.build("secops", settings)

    assert type(built) is channel
    assert "canary" not in repr(built)


def test_a_kind_without_a_row_is_named() -> None:
    settings = TerminalChannel.model_construct(type="pager")

    with pytest.raises(CollectorError, match=r"^channel secops: there is no kind 'pager'$"):
        collector.channels.build("secops", settings)
