"""Many alerts in one message: what a channel is told while more come than a person can read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.model.severity import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class StormLimit:
    """From when on alerts below critical come as digests.

    So many messages within the window leave on a channel alone; what comes beyond is digested, and
    there is one digest in each window.
    """

    messages: int = 20
    window: timedelta = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestGroup:
    """Alerts of one rule, org and severity.

    Attributes:
        alert_count: how many alerts.
        event_count: how many events they stand for.
        actors: the users, or else the addresses, of most of them; texts of the org, at most 3.
        actor_count: how many different ones there are.
    """

    rule: str
    org: str
    severity: Severity
    alert_count: int
    event_count: int
    actors: tuple[str, ...]
    actor_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestEntry:
    """One alert of a digest. Its title is a text of the org."""

    alert_id: str
    severity: Severity
    last_time: datetime
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertDigest:
    """What is told of the alerts that a digest is made of.

    Attributes:
        storm: the id that all digests of one storm on one channel share.
        revision: which of them it is, from 1.
        severity: that of the gravest.
        limit: why there is a digest at all.
        severity_counts: how many alerts of each severity, the gravest first.
        groups: the largest groups, the gravest first, at most 10; `group_count` is of all.
        entries: the gravest alerts, at most 5.
        storm_alert_count: how many alerts the digests of this storm have told, this one included.
    """

    storm: str
    revision: int
    severity: Severity
    limit: StormLimit
    orgs: tuple[str, ...]
    alert_count: int
    severity_counts: Mapping[Severity, int]
    groups: tuple[DigestGroup, ...]
    group_count: int
    entries: tuple[DigestEntry, ...]
    first_time: datetime
    last_time: datetime
    storm_alert_count: int
