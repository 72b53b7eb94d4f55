"""The states of what is collected and sent. Their texts are stored, printed and logged."""

from __future__ import annotations

from enum import StrEnum


class PollState(StrEnum):
    """How the last poll of a stream went."""

    OK = "ok"
    FAILED = "failed"
    UNAVAILABLE = "unavailable"
    PAUSED = "paused"


class BatchState(StrEnum):
    """What became of a batch; listed and not in the ledger, or not as a whole, is pending.

    Damaged is a log file of which a file in the archive cannot be read: it is to be taken in again.
    """

    PENDING = "pending"
    STORED = "stored"
    QUARANTINED = "quarantined"
    LOST = "lost"
    DAMAGED = "damaged"


class DamageState(StrEnum):
    """What becomes of a damaged file of the archive: its events are asked for again, or lost."""

    WAITING = "waiting"
    LOST = "lost"


class AlertStatus(StrEnum):
    """Whether an alert holds, went on in another one, or does not hold any more."""

    OPEN = "open"
    MERGED = "merged"
    WITHDRAWN = "withdrawn"


class DeliveryState(StrEnum):
    """How far the delivery of a message is. What is digested leaves with a digest, not alone."""

    READY = "ready"
    LEASED = "leased"
    DIGESTED = "digested"
    SENT = "sent"
    REJECTED = "refused"
    SUPERSEDED = "superseded"


class ChannelState(StrEnum):
    """Whether a channel takes messages: at the last attempt it did, failed, or refused them."""

    OK = "ok"
    FAILING = "failing"
    REFUSING = "refusing"


class FindingLevel(StrEnum):
    """Whether what a check looked at is as it should be."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
