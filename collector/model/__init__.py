"""The nouns of the collector: frozen, typed, no input or output.

A Batch carries the records of one log file or of one query window through the one path; Rules turn
some of its events into Matches, Matches of one dedup key into an Alert, Alerts into Messages.
"""

from collector.model.alerting import (
    MERGED,
    OPEN,
    WITHDRAWN,
    Again,
    Alert,
    Channel,
    Delivery,
    Member,
    Message,
    Outcome,
    Refused,
    Route,
    Sent,
    Unknown,
    Withdrawn,
)
from collector.model.collecting import (
    ArchiveFile,
    Batch,
    Cursor,
    Stream,
)
from collector.model.detecting import (
    ENTITY_FIELDS,
    Baseline,
    Correlation,
    Event,
    FirstSeen,
    Match,
    Over,
    Rule,
    RuleTest,
    SeverityCase,
    SeverityStep,
)
from collector.model.severity import (
    Severity,
)
from collector.model.view import View

__all__ = [
    "ENTITY_FIELDS",
    "MERGED",
    "OPEN",
    "WITHDRAWN",
    "Again",
    "Alert",
    "ArchiveFile",
    "Baseline",
    "Batch",
    "Channel",
    "Correlation",
    "Cursor",
    "Delivery",
    "Event",
    "FirstSeen",
    "Match",
    "Member",
    "Message",
    "Outcome",
    "Over",
    "Refused",
    "Route",
    "Rule",
    "RuleTest",
    "Sent",
    "Severity",
    "SeverityCase",
    "SeverityStep",
    "Stream",
    "Unknown",
    "View",
    "Withdrawn",
]
