"""Slack under the laws of channels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from collector.channels.slack.sender import SlackNotifier
from collector.channels.slack.settings import SlackSettings
from collector.settings import Secret
from fakes.channel_harness import (
    CANARY,
    HTTP_CODES,
    Answer,
    Behaviour,
    ChannelBench,
    ChannelHarness,
)
from fakes.slack import HangUp, Reaction, WebhookReply, find_unused_port, run_slack_receiver

_REACTIONS: dict[Behaviour, Reaction] = {
    Behaviour.TAKES_IT: WebhookReply(),
    Behaviour.IS_BUSY: WebhookReply(status=429),
    Behaviour.NEVER_TAKES_IT: WebhookReply(status=404, body="no_service"),
    Behaviour.BREAKS_OFF: HangUp(),
}


def _choose_reaction(behaviour: Behaviour | Answer) -> Reaction:
    if isinstance(behaviour, Behaviour):
        return _REACTIONS[behaviour]
    has_body = behaviour.code not in {204, 304}
    return WebhookReply(status=behaviour.code, body=behaviour.words if has_body else "")


def _list_texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return _list_texts(list(value.values()))
    if isinstance(value, list):
        return [text for item in value for text in _list_texts(item)]
    return [value] if isinstance(value, str) else []


def _build_channel(url: str) -> SlackNotifier:
    return SlackNotifier(settings=SlackSettings(webhook_url=Secret(url)))


@contextmanager
def _run() -> Iterator[ChannelBench]:
    with run_slack_receiver(f"/services/T000/B000/{CANARY}") as receiver:
        yield ChannelBench(
            channel=_build_channel(receiver.url),
            react=lambda behaviour: receiver.script.append(_choose_reaction(behaviour)),
            read=lambda: _list_texts(receiver.bodies),
        )


HARNESS = ChannelHarness(
    kind="slack",
    settings=SlackSettings(webhook_url=Secret(f"https://hooks.example.com/{CANARY}")),
    run=_run,
    build_unreachable=lambda: _build_channel(f"http://127.0.0.1:{find_unused_port()}/{CANARY}"),
    codes=HTTP_CODES,
)
