"""Whatever the channel: the same behaviour of a receiver is the same outcome, and tells no secret.

A new channel adds its harness to HARNESSES and is held to every law.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from collector.channels.registry import CHANNELS, build_channel
from collector.channels.terminal.settings import TerminalSettings
from collector.errors import CollectorError
from collector.model import (
    DeliveryOutcome,
    DeliveryRejection,
    DeliverySuccess,
    IndeterminateDelivery,
    Message,
    RetryLater,
)
from fakes.channel_harness import CANARY, Answer, Behaviour, ChannelBench, ChannelHarness
from fakes.channel_harnesses import email, slack, terminal
from hostile.messages import poison_message
from hostile.strings import HOSTILE_STRINGS

HARNESSES = (slack.HARNESS, email.HARNESS, terminal.HARNESS)

TABLE: dict[Behaviour, type[DeliveryOutcome]] = {
    Behaviour.TAKES_IT: DeliverySuccess,
    Behaviour.IS_BUSY: RetryLater,
    Behaviour.NEVER_TAKES_IT: DeliveryRejection,
    Behaviour.BREAKS_OFF: IndeterminateDelivery,
}

every_kind = pytest.mark.parametrize(
    "harness", HARNESSES, ids=[harness.kind for harness in HARNESSES]
)
every_answering_kind = pytest.mark.parametrize(
    "harness",
    [pytest.param(harness, id=harness.kind) for harness in HARNESSES if harness.codes],
)
every_remote_kind = pytest.mark.parametrize(
    "harness",
    [pytest.param(harness, id=harness.kind) for harness in HARNESSES if harness.build_unreachable],
)


def send_after(
    bench: ChannelBench, message: Message, behaviour: Behaviour | Answer
) -> DeliveryOutcome:
    """The outcome of a message to a receiver that behaves so; no outcome tells a secret."""
    bench.react(behaviour)
    outcome = bench.channel.send(message)

    assert CANARY not in repr(outcome)
    return outcome


@pytest.mark.parametrize(
    ("harness", "behaviour"),
    [
        pytest.param(harness, behaviour, id=f"{harness.kind} {behaviour}")
        for harness in HARNESSES
        for behaviour in TABLE
        if behaviour not in harness.unable
    ],
)
def test_a_behaviour_is_an_outcome(
    harness: ChannelHarness, behaviour: Behaviour, message: Message
) -> None:
    with harness.run() as bench:
        assert type(send_after(bench, message, behaviour)) is TABLE[behaviour]


@every_remote_kind
def test_what_is_not_there_is_tried_again(harness: ChannelHarness, message: Message) -> None:
    channel = harness.build_unreachable()
    outcome = channel.send(message)

    assert type(outcome) is RetryLater
    assert CANARY not in f"{outcome} {channel}"


@every_answering_kind
def test_each_code_is_an_outcome(harness: ChannelHarness, message: Message) -> None:
    with harness.run() as bench:
        outcomes = {
            code: type(send_after(bench, message, Answer(code=code))) for code in harness.codes
        }

    assert outcomes == harness.codes


@every_kind
def test_a_repeat_can_be_recognised_by_its_key(harness: ChannelHarness, message: Message) -> None:
    """A receiver that got it twice can tell: the second says so, with the key of both."""
    with harness.run() as bench:
        bench.channel.send(message)
        before = "".join(bench.read())
        bench.channel.send(replace(message, attempt=2))
        after = "".join(bench.read())[len(before) :]

    assert "possible repeat" not in before
    assert "possible repeat, attempt 2, key 3f9c2a7b10d4.1.secops" in after


# ---- hostile texts and secrets

SOME_HOSTILE_STRINGS = (*HOSTILE_STRINGS[::8], "x" * 100_000)
"""Over a real connection; the tests of each channel's message run through all of them."""


@every_kind
def test_hostile_texts_arrive_as_words(harness: ChannelHarness, message: Message) -> None:
    with harness.run() as bench:
        outcomes = {
            type(bench.channel.send(poison_message(message, value)))
            for value in SOME_HOSTILE_STRINGS
        }
        texts = bench.read()

    assert outcomes == {DeliverySuccess}
    assert [text for text in texts if not text.replace("\n", "").isprintable()] == []


@every_answering_kind
def test_the_words_of_a_receiver_are_hostile_too(harness: ChannelHarness, message: Message) -> None:
    """A reason is one short line that can be printed, whatever came with the code."""
    code = next(code for code, kind in harness.codes.items() if kind is DeliveryRejection)
    with harness.run() as bench:
        reasons = [
            send_after(bench, message, Answer(code=code, words=value)).reason
            for value in SOME_HOSTILE_STRINGS
        ]

    assert [reason for reason in reasons if not reason.isprintable() or len(reason) > 300] == []


@every_kind
def test_a_channel_shows_no_secret(harness: ChannelHarness) -> None:
    channel = build_channel("secops", harness.settings)

    assert CANARY not in f"{channel!r} {channel}"


# ---- the registry


def test_every_kind_is_held_to_these_laws() -> None:
    assert [spec.kind for spec in CHANNELS] == [harness.kind for harness in HARNESSES]


def test_a_kind_is_the_type_of_its_settings() -> None:
    kinds = {spec.kind: spec.settings.model_fields["type"].default for spec in CHANNELS}

    assert all(kind == type_ for kind, type_ in kinds.items())
    assert len(kinds) == len(CHANNELS)


@every_kind
def test_settings_become_the_channel_that_they_describe(harness: ChannelHarness) -> None:
    with harness.run() as bench:
        assert type(build_channel("secops", harness.settings)) is type(bench.channel)


def test_a_kind_without_a_spec_is_named() -> None:
    settings = TerminalSettings.model_construct(type="pager")

    with pytest.raises(CollectorError, match=r"^channel secops: there is no kind 'pager'$"):
        build_channel("secops", settings)
