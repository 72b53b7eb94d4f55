"""The nouns of the collector: frozen, typed, no input or output.

A Batch carries the records of one log file or of one query window through the one path; Rules turn
some of its events into Matches, Matches of one dedup key into an Alert, Alerts into Messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from pathlib import Path
from typing import Any, Protocol

Event = Mapping[str, Any]
"""One row of the event table, by column name (`design`: the event table)."""


class Severity(IntEnum):
    """Sigma's levels, in order."""

    INFORMATIONAL = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    def __str__(self) -> str:
        return self.name.lower()

    @classmethod
    def parse(cls, text: str) -> Severity:
        """The level of that name. Raises ValueError for any other text."""
        try:
            return cls[text.upper()]
        except KeyError:
            raise ValueError(f"{text!r} is none of {', '.join(map(str, cls))}") from None


# ---- collecting


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """What a cursor belongs to: one thing that is read forward in time.

    `name` is the object that is polled ("ApiEvent"), or "*" where one listing covers all types.
    """

    org: str
    source: str
    name: str

    def __str__(self) -> str:
        return f"{self.org}/{self.source}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """All of a stream up to `time`, and at that very time up to the id `tie`, is committed."""

    time: datetime
    tie: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The unit of everything: one event log file, or one closed query window of an object.

    Attributes:
        key: computed from what the batch is, never random, never from the clock: a replay of it
            overwrites itself.
        stream: whose cursor moves when the batch is committed.
        event_type: `Login`, `ApiEvent`, `SetupAuditTrail`, …
        nominal: the time its records belong to when they carry none that can be read (the file's
            LogDate, the window's end).
        received: when the batch had been fetched.
        segments: CSV files of at most about `SEGMENT_BYTES`, each with the header line, every
            field quoted, cut at record boundaries.
        columns: the header, in order.
        record_prefix: what `event_uid` starts with for records that have no id of their own.
        dedupe: records may have been served before, so those whose `event_uid` the archive holds
            are dropped.
        cursor: where the stream stands once this batch is committed; None leaves it where it is.
        facts: what the ledger keeps beside (LogDate, Interval, Sequence, bytes, …), JSON values.
        remember: what its source knows of single things once this batch is committed, JSON objects
            by the thing's id; None forgets it.
    """

    key: str
    stream: Stream
    event_type: str
    nominal: datetime
    received: datetime
    segments: tuple[Path, ...]
    columns: tuple[str, ...]
    record_prefix: str
    dedupe: bool
    cursor: Cursor | None
    facts: Mapping[str, Any] = field(default_factory=dict)
    remember: Mapping[str, Mapping[str, Any] | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveFile:
    """A Parquet file of the archive.

    `path` is relative to its root, `date` is YYYY-MM-DD (UTC), `first` and `last` are the times of
    its earliest and its latest event.
    """

    path: str
    org: str
    event_type: str
    date: str
    rows: int
    bytes: int
    first: datetime
    last: datetime


# ---- detecting


@dataclass(frozen=True, slots=True, kw_only=True)
class SeverityCase:
    """One rung of a severity ladder: an event that `predicate` (SQL) holds for has `level`."""

    predicate: str
    level: Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class SeverityStep:
    """What `predicate` (SQL) holds for is `add` levels graver than its case says, up to `most`."""

    predicate: str
    add: int
    most: Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTest:
    """An example inside a rule file: what the rule says to these records.

    `events` are records as Salesforce serves them. All are of `event_type`; None where each says
    of itself what it is (`attributes.type`, `EVENT_TYPE`) or the rule has but one type. `dedup` is
    the key that every alert is to have.
    """

    name: str
    events: tuple[Event, ...]
    alerts: int
    event_type: str | None = None
    severity: Severity | None = None
    title: str | None = None
    dedup: tuple[str, ...] | None = None
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlation:
    """Sigma's correlation: a window of event time over what other rules match.

    The window of an event reaches back from it for `timespan`, both ends included, over the events
    of its group; it fires where the condition holds. Events without a value in any of `group_by`
    belong to no group.

    Attributes:
        type: event_count, value_count, value_sum, value_avg, value_percentile, value_median,
            temporal or temporal_ordered.
        rules: the names of the rules that it looks at, in order; they may be correlations.
        group_by: fields or aliases.
        aliases: by alias and name of a rule, the field that it stands for there.
        field, percentile: what `value_…` types compute with.
        operator, limit: the condition: gt, gte, lt, lte, eq or neq. None for temporal types, which
            ask for every rule at least once.
    """

    type: str
    rules: tuple[str, ...]
    group_by: tuple[str, ...]
    timespan: timedelta
    aliases: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    field: str | None = None
    percentile: float | None = None
    operator: str | None = None
    limit: float | None = None

    @property
    def grows(self) -> bool:
        """Whether further events can only make further windows fire, and never one less."""
        rises = self.type in {"event_count", "value_count"} and self.operator in {"gt", "gte"}
        return rises or self.type.startswith("temporal")


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstSeen:
    """A combination of values that was not there in the last `forget`.

    Nothing is said of events less than `learn` after the archive's first event of the rule's types.
    Events without a value in any of `key` say nothing.
    """

    key: tuple[str, ...]
    learn: timedelta
    forget: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """A measure of a group in one window of time, held against the group's own past.

    Windows are `window` long and begin at multiples of it since 1970. The past of a window is that
    of the group's windows of the last `history` in which it had events.

    Attributes:
        metric: sum, count or distinct; `field` is what is summed or told apart.
        deviations: how many standard deviations above the mean a value must lie.
        floor: the least value that is told.
        minimum: so many windows of history are needed; with fewer the group is new.
        cold_start: the value from which on a new group is told; None says nothing of it.
    """

    metric: str
    field: str | None
    group_by: tuple[str, ...]
    window: timedelta
    history: timedelta
    deviations: float
    floor: float
    minimum: int
    cold_start: float | None = None


Over = Correlation | FirstSeen | Baseline
"""What a rule that looks at more than one event looks at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A detection, compiled.

    Attributes:
        name: the slug that users see; `id` is Sigma's UUID.
        event_types: the types it looks at; empty means every type.
        predicate: SQL over the columns of the event table; never NULL. Where types keep a field
            in different columns there is one Rule per type (`detect.RuleSet.for_type`).
        fields: the physical columns that the predicate, cases, keys and title read.
        cases: the first that holds gives the severity, else `level`.
        title: a template such as `{user_name|user_id} read {record_count:,|an unknown number of}`.
        dedup_key, dedup_window: what makes matches one episode. Events that have no value in any
            column of `dedup_key` go by `dedup_fallback`, and without that by themselves.
        alert: False for a building block that only correlations use.
        attack: technique ids, `T1078.004`.
        steps: what makes the severity of a case graver.
        over: what it looks at beyond one event. A correlation has no predicate of its own (FALSE)
            and no event types; for the others the predicate selects the events.
        lists: the names of the lists whose entries the predicate holds.
    """

    id: str
    name: str
    level: Severity
    event_types: tuple[str, ...]
    predicate: str
    fields: frozenset[str]
    cases: tuple[SeverityCase, ...]
    title: str
    dedup_key: tuple[str, ...]
    dedup_fallback: tuple[str, ...] = ()
    dedup_window: timedelta
    alert: bool
    description: str
    attack: tuple[str, ...]
    references: tuple[str, ...]
    triage: str
    tests: tuple[RuleTest, ...]
    path: Path
    steps: tuple[SeverityStep, ...] = ()
    over: Over | None = None
    lists: frozenset[str] = frozenset()


ENTITY_FIELDS = (
    "user_id",
    "user_name",
    "source_ip",
    "country",
    "session_key",
    "login_key",
    "user_agent",
    "client_name",
    "app_id",
    "app_name",
    "package_name",
    "target_user",
    "entity",
    "job_id",
)
"""Columns that say who, from where and on what; an alert shows those that have a value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One event that one rule is about. `key` holds the values of the rule's dedup key, as text.

    Attributes:
        event_uid: the event's; of a baseline, which tells of whole windows, the window's.
        weight: the measure of a rule over several events; of equal severity the greater one counts.
        count: how many events it stands for.
        evidence: further events to show beside `event`.
        context: what the event was seen against (the window, the list's entry, the past), as JSON
            objects, each with its `kind`: window, list, first_seen or baseline.
    """

    org: str
    rule: str
    event_uid: str
    time: datetime
    received: datetime
    severity: Severity
    title: str
    key: tuple[str, ...]
    entities: Mapping[str, str]
    event: Event
    weight: float = 0.0
    count: int = 1
    evidence: tuple[Event, ...] = ()
    context: tuple[Mapping[str, Any], ...] = ()


# ---- alerting


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """Matches that no longer hold: what came late shows that their events are not what they seemed.

    Uids of events that are in no alert of the rule say nothing. `reason` is told to people; without
    one they are told what is usual for the kind of rule.
    """

    org: str
    rule: str
    event_uids: tuple[str, ...]
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A match as it is remembered, so that the alert it belongs to can be made anew.

    `shown` is what an alert would show of it, as JSON values; None where that is not kept, because
    others are shown and it is not judged again.
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


OPEN, MERGED, WITHDRAWN = "open", "merged", "withdrawn"
"""What an alert can be: it holds, it went on in another one, or it does not hold any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An episode: matches of one rule and one dedup key, near to each other in event time.

    What it says is a function of its matches, whatever the order in which they came. Evidence,
    context and basis hold JSON values only.

    Attributes:
        id: a function of org, rule, key and the event that opened it.
        title, context: those of the lead: the gravest match, then the weightiest, then the first.
        count: how many events its matches stand for.
        late_seconds: how long after it happened the newest event was received.
        entities: the lead's, and for what it does not say the earliest match's that does.
        created, revision: when it was opened, and how often there was something new to tell.
        told_severity, told_count: what people were told last.
        merged_into: the alert in which it went on.
        reason: why it was withdrawn.
        basis: from which match each thing that it says comes, so that further ones can join
            without a look at the earlier.
    """

    id: str
    org: str
    rule: str
    key: tuple[str, ...]
    title: str
    severity: Severity
    status: str
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
    basis: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Which alerts go to which channels. Empty `rules` and `orgs` mean all; globs are allowed."""

    channels: tuple[str, ...]
    min_severity: Severity = Severity.INFORMATIONAL
    rules: tuple[str, ...] = ()
    orgs: tuple[str, ...] = ()
    proceed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a channel is asked to tell.

    `key` is the same on every attempt, so that a repeat can be recognised. `user_url` leads to the
    user in the org and was built by us, not copied from an event.
    """

    key: str
    alert: Alert
    update: bool
    attempt: int
    user_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message owed to one channel, as the outbox knows it."""

    key: str
    alert_id: str
    channel: str
    revision: int
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """The receiver has it. `reference` is the receiver's name for it, where it gives one."""

    reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """Not taken now; the same message may be taken later, not before `after` seconds if given."""

    reason: str
    after: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Not taken, and trying again cannot help until somebody changes something."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """The connection broke after the message had left: it may or may not have arrived."""

    reason: str


Outcome = Sent | Again | Refused | Unknown


class Channel(Protocol):
    """A way to tell people. One method; when to try again is decided elsewhere."""

    def send(self, message: Message) -> Outcome:
        """Tell, once. Never raises for what the receiver or the network does."""
        ...
