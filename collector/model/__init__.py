"""The nouns of the collector: frozen, typed, no input or output.

A Batch carries the records of one log file or of one query window through the one path; Rules turn
some of its events into Matches, Matches of one dedup key into an Alert, Alerts into Messages.
"""

from collector.model.alerts import (
    STATUS_MERGED,
    STATUS_OPEN,
    STATUS_WITHDRAWN,
    Alert,
    AlertMatch,
    Channel,
    Delivery,
    DeliveryOutcome,
    DeliveryRejection,
    DeliverySuccess,
    IndeterminateDelivery,
    Message,
    RetryLater,
    Route,
    Withdrawal,
)
from collector.model.batches import ArchiveFile, Batch, Cursor, Stream
from collector.model.derived_type import DerivedType
from collector.model.event_family import EventFamily
from collector.model.fold_state import EntityOrigin, EvidenceOrigin, FoldState
from collector.model.rules import (
    Aggregation,
    Baseline,
    Correlation,
    Event,
    FirstSeen,
    Match,
    Rule,
    RuleTest,
    SeverityCase,
    SeverityStep,
)
from collector.model.severity import (
    Severity,
)

__all__ = [
    "STATUS_MERGED",
    "STATUS_OPEN",
    "STATUS_WITHDRAWN",
    "Aggregation",
    "Alert",
    "AlertMatch",
    "ArchiveFile",
    "Baseline",
    "Batch",
    "Channel",
    "Correlation",
    "Cursor",
    "Delivery",
    "DeliveryOutcome",
    "DeliveryRejection",
    "DeliverySuccess",
    "DerivedType",
    "EntityOrigin",
    "Event",
    "EventFamily",
    "EvidenceOrigin",
    "FirstSeen",
    "FoldState",
    "IndeterminateDelivery",
    "Match",
    "Message",
    "RetryLater",
    "Route",
    "Rule",
    "RuleTest",
    "Severity",
    "SeverityCase",
    "SeverityStep",
    "Stream",
    "Withdrawal",
]
