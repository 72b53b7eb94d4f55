"""The nouns of the collector: frozen, typed, no input or output.

A Batch carries the records of one log file or of one query window through the one path; Rules turn
some of its events into Matches, Matches of one dedup key into an Alert, Alerts into Messages.
"""

from collector.model.alerts import Alert, AlertMatch, Route, Withdrawal
from collector.model.batch_facts import (
    BatchFacts,
    LogFileFacts,
    ObservationFacts,
    OtherFacts,
    RowCountFacts,
    UnknownFacts,
    WindowFacts,
    parse_facts,
    render_facts,
)
from collector.model.batches import ArchiveFile, Batch, Cursor, Stream, StreamPurpose
from collector.model.deliveries import (
    Channel,
    ChannelMessage,
    Delivery,
    DeliveryOutcome,
    DeliveryRejection,
    DeliverySuccess,
    DigestMessage,
    IndeterminateDelivery,
    Message,
    RejectionScope,
    RetryLater,
)
from collector.model.derived_type import DerivedType
from collector.model.digests import AlertDigest, DigestEntry, DigestGroup, StormLimit
from collector.model.directory_entries import (
    DirectoryPage,
    EntryReading,
    EntrySweep,
    EntryValues,
    EntryVersion,
)
from collector.model.event_family import EventFamily
from collector.model.fetch_history import FetchHistory
from collector.model.fold_state import EntityOrigin, EvidenceOrigin, FoldState
from collector.model.participants import (
    ParticipantKind,
    ParticipantOrigins,
    find_participants,
    has_newcomer,
    list_participants,
    merge_participants,
)
from collector.model.rule_tests import (
    AlertExpectation,
    DirectorySample,
    RecordTemplate,
    RuleTest,
)
from collector.model.rules import (
    Aggregation,
    Baseline,
    Correlation,
    Event,
    FirstSeen,
    Match,
    MemberCondition,
    MemberLink,
    Rule,
    SeverityCase,
    SeverityStep,
)
from collector.model.severity import Severity
from collector.model.states import (
    AlertStatus,
    BatchState,
    ChannelState,
    DamageState,
    DeliveryState,
    FindingLevel,
    PollState,
)

__all__ = [
    "Aggregation",
    "Alert",
    "AlertDigest",
    "AlertExpectation",
    "AlertMatch",
    "AlertStatus",
    "ArchiveFile",
    "Baseline",
    "Batch",
    "BatchFacts",
    "BatchState",
    "Channel",
    "ChannelMessage",
    "ChannelState",
    "Correlation",
    "Cursor",
    "DamageState",
    "Delivery",
    "DeliveryOutcome",
    "DeliveryRejection",
    "DeliveryState",
    "DeliverySuccess",
    "DerivedType",
    "DigestEntry",
    "DigestGroup",
    "DigestMessage",
    "DirectoryPage",
    "DirectorySample",
    "EntityOrigin",
    "EntryReading",
    "EntrySweep",
    "EntryValues",
    "EntryVersion",
    "Event",
    "EventFamily",
    "EvidenceOrigin",
    "FetchHistory",
    "FindingLevel",
    "FirstSeen",
    "FoldState",
    "IndeterminateDelivery",
    "LogFileFacts",
    "Match",
    "MemberCondition",
    "MemberLink",
    "Message",
    "ObservationFacts",
    "OtherFacts",
    "ParticipantKind",
    "ParticipantOrigins",
    "PollState",
    "RecordTemplate",
    "RejectionScope",
    "RetryLater",
    "Route",
    "RowCountFacts",
    "Rule",
    "RuleTest",
    "Severity",
    "SeverityCase",
    "SeverityStep",
    "StormLimit",
    "Stream",
    "StreamPurpose",
    "UnknownFacts",
    "WindowFacts",
    "Withdrawal",
    "find_participants",
    "has_newcomer",
    "list_participants",
    "merge_participants",
    "parse_facts",
    "render_facts",
]
