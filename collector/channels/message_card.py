"""The card of whatever a channel is asked to send."""

from __future__ import annotations

from collector.channels.alert_card import build_alert_card
from collector.channels.card import Card
from collector.channels.digest_card import build_digest_card
from collector.model import ChannelMessage, DigestMessage


def build_card(message: ChannelMessage) -> Card:
    """The card of the message, whether it is of an alert or a digest."""
    if isinstance(message, DigestMessage):
        return build_digest_card(message)
    return build_alert_card(message)
