"""What the laws of channels ask of each kind: settings, a real receiver, and how it behaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum

from collector.model import (
    Channel,
    DeliveryOutcome,
    DeliveryRejection,
    DeliverySuccess,
    RetryLater,
)
from collector.settings import ChannelSettings

CANARY = "canary"
"""Part of every secret that a harness gives its channel."""


class Behaviour(StrEnum):
    """What a receiver does with a message, whatever it speaks."""

    TAKES_IT = "takes it"
    IS_BUSY = "is busy"
    NEVER_TAKES_IT = "never takes it"
    BREAKS_OFF = "breaks off once it has it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A receiver's answer once it has the message: a code of its protocol, and words of its own."""

    code: int
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelBench:
    """A channel and its running receiver.

    Attributes:
        react: says what the receiver does with the next message.
        read: every text that people would read of what has arrived, the oldest first.
    """

    channel: Channel
    react: Callable[[Behaviour | Answer], None]
    read: Callable[[], list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelHarness:
    """A kind of channel under the laws.

    Attributes:
        settings: as a configuration would hold them; their secrets hold the canary.
        run: starts a receiver that takes everything, and the channel to it.
        build_unreachable: a channel to where nobody listens; None where there is always somebody.
        codes: by each code that a receiver may answer with, what becomes of the message.
        unable: what this kind of receiver cannot do.
    """

    kind: str
    settings: ChannelSettings
    run: Callable[[], AbstractContextManager[ChannelBench]]
    build_unreachable: Callable[[], Channel] | None = None
    codes: Mapping[int, type[DeliveryOutcome]]
    unable: frozenset[Behaviour] = frozenset()


HTTP_CODES: Mapping[int, type[DeliveryOutcome]] = {
    **dict.fromkeys((200, 201, 202, 204, 206), DeliverySuccess),
    **dict.fromkeys((400, 401, 402, 403, 404, 405, 406, 407, 409, 410, 411), DeliveryRejection),
    **dict.fromkeys((412, 413, 414, 415, 421, 422, 424, 426, 428, 431, 451), DeliveryRejection),
    **dict.fromkeys((301, 302, 303, 304, 307, 308), DeliveryRejection),
    **dict.fromkeys((408, 425, 429), RetryLater),
    **dict.fromkeys((500, 501, 502, 503, 504, 507, 520, 529, 599), RetryLater),
}
"""What every channel over HTTP makes of a status."""
