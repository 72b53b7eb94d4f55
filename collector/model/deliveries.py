"""Messages to channels, and the outcomes of their deliveries."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeAlias

from collector.model.alerts import Alert
from collector.model.digests import AlertDigest
from collector.model.severity import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """An alert that a channel is asked to send.

    `key` is the same on every attempt, so that a repeat can be recognised. `user_url` leads to the
    user in the org and was built by us, not copied from an event. `instead_of` is the channel that
    should have told it and does not take messages; empty for the channel of the routes.
    `served_recipients` are the addresses that have this very message from an earlier attempt.
    """

    key: str
    alert: Alert
    is_update: bool
    attempt: int
    user_url: str | None = None
    instead_of: str = ""
    served_recipients: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestMessage:
    """Many alerts that a channel is asked to send as one message.

    `key` is the same on every attempt, so that a repeat can be recognised. It is an update where
    the same storm has had a digest before. `served_recipients` are as those of `Message`.
    """

    key: str
    digest: AlertDigest
    is_update: bool
    attempt: int
    served_recipients: frozenset[str] = frozenset()


ChannelMessage: TypeAlias = Message | DigestMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message to one channel, as the outbox has it.

    Attributes:
        alert_id: the alert that it tells; None for a digest.
        storm: the storm that a digest is of; empty for the message of an alert.
        severity: that of the alert when the message was put into the outbox; of a digest, of the
            gravest in it.
        attempts: how often it was sent, this time included.
        refusals: how often in a row the receiver refused it.
        instead_of: the channel in whose place it is sent; empty for the channel of the routes.
        served_recipients: the addresses that have it, where its channel writes to several and
            others were refused for now.
    """

    key: str
    alert_id: str | None
    channel: str
    revision: int
    severity: Severity
    attempts: int
    refusals: int = 0
    storm: str = ""
    instead_of: str = ""
    served_recipients: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySuccess:
    """The receiver has taken it.

    `reference` is the receiver's name for it, where it gives one; `refusals` says for whom it was
    refused for good beside those who have it, empty where it was for nobody.
    """

    reference: str = ""
    refusals: str = ""


class RejectionScope(StrEnum):
    """Whether a receiver does not take whatever comes, or this message alone."""

    CHANNEL = "channel"
    MESSAGE = "message"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryLater:
    """Not taken now; it may be taken later, not before `retry_after` seconds if given.

    `served_recipients` are the addresses that have it nevertheless.
    """

    reason: str
    retry_after: float | None = None
    scope: RejectionScope = RejectionScope.CHANNEL
    served_recipients: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRejection:
    """Not taken, and trying again cannot help until somebody changes something.

    A receiver that does not tell which of both it means refuses whatever comes.
    """

    reason: str
    scope: RejectionScope = RejectionScope.CHANNEL


@dataclass(frozen=True, slots=True, kw_only=True)
class IndeterminateDelivery:
    """The connection broke after the message had left: it may or may not have arrived."""

    reason: str


DeliveryOutcome = DeliverySuccess | RetryLater | DeliveryRejection | IndeterminateDelivery


class Channel(Protocol):
    """A way to reach people; when to try again is decided elsewhere."""

    def send(self, message: ChannelMessage) -> DeliveryOutcome:
        """Send it once. Never raises for what the receiver or the network does."""
        ...
