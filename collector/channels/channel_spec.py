"""All that differs between the kinds of channels, said once in the folder of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from collector.model import Channel
from collector.settings import ChannelSettings

# Covariant, so that specs of different settings stand in one tuple: a channel is built of the
# settings whose `type` is the kind of its spec, which the configuration has made of its model.
SettingsT_co = TypeVar("SettingsT_co", bound=ChannelSettings, covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSpec(Generic[SettingsT_co]):
    """A kind of channel.

    Attributes:
        kind: the `type` of its settings.
        settings: the model of its keys in the configuration.
        build: makes the channel that settings describe; nothing is connected to yet.
    """

    kind: str
    settings: type[SettingsT_co]
    build: Callable[[SettingsT_co], Channel]
