"""What the configuration of a terminal channel holds."""

from __future__ import annotations

from typing import Literal

from collector.settings import ChannelSettings


class TerminalSettings(ChannelSettings):
    """The terminal that the collector runs in."""

    type: Literal["terminal"] = "terminal"
