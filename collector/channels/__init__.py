"""The ways to tell people. A new one is a file with a class of one method, and a row in KINDS."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from collector.channels.email import EmailNotifier
from collector.channels.slack import SlackNotifier
from collector.channels.terminal import TerminalNotifier
from collector.errors import CollectorError
from collector.model import Channel
from collector.settings import ChannelSettings, EmailSettings, SlackSettings, TerminalSettings

__all__ = ["CHANNEL_FACTORIES", "CHANNEL_SETTINGS", "build_channel"]

CHANNEL_FACTORIES: Mapping[str, Callable[[Any], Channel]] = {
    "slack": lambda settings: SlackNotifier(settings=settings),
    "email": lambda settings: EmailNotifier(settings=settings),
    "terminal": lambda _: TerminalNotifier(),
}
"""By the `type` of its settings: what makes the channel of them."""

CHANNEL_SETTINGS: Sequence[type[ChannelSettings]] = (SlackSettings, EmailSettings, TerminalSettings)
"""What each kind of channel can be told."""


def build_channel(name: str, settings: ChannelSettings) -> Channel:
    """The channel of that name. Nothing is connected to yet.

    Raises:
        CollectorError: there is no row for its type.
    """
    make = CHANNEL_FACTORIES.get(settings.type)
    if make is None:
        raise CollectorError(f"channel {name}: there is no kind {settings.type!r}")
    return make(settings)
