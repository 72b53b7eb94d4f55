"""Gives up the messages that wait on a channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from collector import clock
from collector.api.state_view import open_state_view, open_writable_state
from collector.delivery.fallback import REMOVED_CHANNEL
from collector.errors import CollectorError
from collector.model import Severity
from collector.settings import Settings
from collector.store import discarded_deliveries


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingMessages:
    """What waits on a channel: how many messages of each severity, and whether it has settings."""

    channel: str
    counts: Mapping[Severity, int]
    is_configured: bool

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.counts.values())


def count_waiting_messages(settings: Settings, channel: str) -> WaitingMessages:
    """What `discard_deliveries` would give up.

    Raises CollectorError where nothing waits on that channel, or there is no state yet.
    """
    with open_state_view(settings) as connection:
        counts = discarded_deliveries.count_discardable(connection, channel, now=clock.now())
    if not counts:
        raise CollectorError(f"no message waits on {channel!r}: see `collector deliveries list`")
    return WaitingMessages(
        channel=channel, counts=counts, is_configured=channel in settings.channels
    )


def discard_deliveries(settings: Settings, channel: str) -> int:
    """Never send what waits on a channel; returns how many messages that were.

    The outbox keeps when and why. What is being sent at this moment is left alone.

    Raises CollectorError where there is no state yet.
    """
    now = clock.now()
    with open_writable_state(settings) as connection:
        return discarded_deliveries.discard_deliveries(
            connection, channel, reason=_build_reason(settings, channel, now), now=now
        )


def _build_reason(settings: Settings, channel: str, now: datetime) -> str:
    words = f"discarded by `collector deliveries discard` at {now:%Y-%m-%d %H:%M}Z"
    return words if channel in settings.channels else f"{words}: {REMOVED_CHANNEL}"
