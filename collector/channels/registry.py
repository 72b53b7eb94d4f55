"""The kinds of channels that there are."""

from __future__ import annotations

from collections.abc import Iterable

from collector.channels import email, slack, terminal
from collector.channels.channel_spec import ChannelSpec
from collector.errors import CollectorError
from collector.model import Channel
from collector.settings import ChannelSettings

CHANNELS: tuple[ChannelSpec[ChannelSettings], ...] = (
    slack.SPEC,
    email.SPEC,
    terminal.SPEC,
)


def build_channel(
    name: str, settings: ChannelSettings, specs: Iterable[ChannelSpec[ChannelSettings]] = CHANNELS
) -> Channel:
    """The channel of that name, by the type of its settings. Nothing is connected to yet.

    Raises:
        CollectorError: no spec is of that type.
    """
    for spec in specs:
        if spec.kind == settings.type:
            return spec.build(settings)
    raise CollectorError(f"channel {name}: there is no kind {settings.type!r}")
