"""E-mail: its message, and how it is sent."""

from collector.channels.channel_spec import ChannelSpec
from collector.channels.email.sender import EmailNotifier
from collector.channels.email.settings import EmailSettings

SPEC = ChannelSpec(
    kind="email", settings=EmailSettings, build=lambda settings: EmailNotifier(settings=settings)
)
