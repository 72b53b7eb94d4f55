"""What the configuration of a Slack channel holds."""

from __future__ import annotations

from typing import Literal

from collector.settings import ChannelSettings
from collector.settings.values import SecretUrl


class SlackSettings(ChannelSettings):
    """An incoming webhook of Slack."""

    type: Literal["slack"] = "slack"
    webhook_url: SecretUrl
