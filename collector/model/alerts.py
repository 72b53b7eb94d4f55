"""Alerts, and the routes to channels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from collector.model.fold_state import FoldState
from collector.model.rules import Event
from collector.model.severity import Severity
from collector.model.states import AlertStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """Matches that do not hold any more, given events that came late.

    Uids of events that are in no alert of the rule are ignored. `reason` is shown to people, or
    without one a sentence for the kind of rule.
    """

    org: str
    rule: str
    event_uids: tuple[str, ...]
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertMatch:
    """A stored match, from which the alert that it belongs to can be rebuilt.

    `shown` is what an alert would show of it, as JSON values; None where that is not kept, because
    others are shown and it is not evaluated again.
    """

    alert_id: str
    event_uid: str
    time: datetime
    severity: Severity
    weight: float
    count: int
    late_seconds: int
    title: str
    shown: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An episode: matches of one rule and one dedup key, near to each other in event time.

    What it says is a function of its matches, whatever the order in which they came. Evidence
    and context hold JSON values only.

    Attributes:
        id: a function of org, rule, key and the event that opened it.
        title, context: those of the lead: the gravest match, then the weightiest, then the first.
        count: how many events its matches stand for.
        late_seconds: how long after it happened the newest event was received.
        entities: the lead's, and for what it does not say the earliest match's that does.
        created, revision: when it was opened, and how often it has been notified.
        told_severity, told_count: as they were last notified.
        merged_into: the alert in which it went on.
        reason: why it was withdrawn.
        fold_state: from which match each thing that it says comes; None before the first.
    """

    id: str
    org: str
    rule: str
    key: tuple[str, ...]
    title: str
    severity: Severity
    status: AlertStatus
    first_time: datetime
    last_time: datetime
    count: int
    late_seconds: int
    entities: Mapping[str, str]
    evidence: tuple[Event, ...]
    description: str
    attack: tuple[str, ...]
    triage: str
    references: tuple[str, ...]
    created: datetime
    revision: int
    told_severity: Severity = Severity.INFORMATIONAL
    told_count: int = 0
    context: tuple[Mapping[str, Any], ...] = ()
    merged_into: str = ""
    reason: str = ""
    fold_state: FoldState | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Which alerts go to which channels. Empty `rules` and `orgs` mean all; globs are allowed."""

    channels: tuple[str, ...]
    min_severity: Severity = Severity.INFORMATIONAL
    rules: tuple[str, ...] = ()
    orgs: tuple[str, ...] = ()
    continue_matching: bool = False
