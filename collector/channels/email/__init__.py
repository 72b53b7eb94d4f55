"""E-mail: its message, and how it is sent."""

from collector.channels.channel_spec import ChannelSpec
from collector.channels.email import sender
from collector.channels.email.settings import EmailSettings

SPEC = ChannelSpec(
    kind="email",
    settings=EmailSettings,
    build=lambda settings: sender.EmailNotifier(settings=settings),
)
