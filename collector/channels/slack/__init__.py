"""Slack: its message, and how it is sent."""

from collector.channels.channel_spec import ChannelSpec
from collector.channels.slack import sender
from collector.channels.slack.settings import SlackSettings

SPEC = ChannelSpec(
    kind="slack",
    settings=SlackSettings,
    build=lambda settings: sender.SlackNotifier(settings=settings),
)
