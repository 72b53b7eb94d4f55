"""How messages leave on a channel: what its settings say beside how to reach it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from pydantic import BaseModel

from collector.model import StormLimit
from collector.settings import ChannelSettings, Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPolicy:
    """How messages leave on a channel.

    Attributes:
        limit: from when on alerts below critical come as digests.
        fallback: the channels that take critical alerts in its place; None: whichever other channel
            is told of that org.
        fallback_after: how long it may fail before they do.
        settings_text: all of its settings, by which a change of them is noticed.
    """

    limit: StormLimit = field(default_factory=StormLimit)
    fallback: tuple[str, ...] | None = None
    fallback_after: timedelta = timedelta(minutes=5)
    settings_text: Secret = field(default_factory=lambda: Secret("{}"))


def build_policy(settings: ChannelSettings) -> DeliveryPolicy:
    """The policy that the settings of a channel describe."""
    return DeliveryPolicy(
        limit=StormLimit(messages=settings.storm.messages, window=settings.storm.window),
        fallback=settings.fallback,
        fallback_after=settings.fallback_after,
        settings_text=Secret(json.dumps(_to_plain_value(settings), sort_keys=True)),
    )


def _to_plain_value(value: object) -> object:
    match value:
        case Secret():
            return value.reveal()
        case BaseModel():
            names = type(value).model_fields
            return {name: _to_plain_value(getattr(value, name)) for name in names}
        case Mapping():
            return {str(name): _to_plain_value(inner) for name, inner in value.items()}
        case tuple():
            return [_to_plain_value(inner) for inner in value]
        case _:
            return str(value)
