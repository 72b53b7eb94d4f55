"""Slack: its message, and how it is sent."""

from collector.channels.channel_spec import ChannelSpec
from collector.channels.slack.sender import SlackNotifier
from collector.channels.slack.settings import SlackSettings

SPEC = ChannelSpec(
    kind="slack", settings=SlackSettings, build=lambda settings: SlackNotifier(settings=settings)
)
