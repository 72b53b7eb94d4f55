"""The terminal that the collector runs in: its panel, and how it is printed."""

from collector.channels.channel_spec import ChannelSpec
from collector.channels.terminal import sender
from collector.channels.terminal.settings import TerminalSettings

SPEC = ChannelSpec(
    kind="terminal", settings=TerminalSettings, build=lambda _: sender.TerminalNotifier()
)
