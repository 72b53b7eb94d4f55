"""Rules, as they are run, and what they find."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from collector.model.severity import Severity

Event = Mapping[str, Any]
"""One row of the event table, by column name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeverityCase:
    """One rung of a severity ladder: an event that `predicate` (SQL) holds for has `level`."""

    predicate: str
    level: Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class SeverityStep:
    """Events that `predicate` (SQL) holds for: `increment` levels graver, up to `max_severity`."""

    predicate: str
    increment: int
    max_severity: Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTest:
    """An example inside a rule file: which alerts the rule raises for these records.

    `events` are records as Salesforce serves them. All are of `event_type`; None where each says
    of itself what it is (`attributes.type`, `EVENT_TYPE`) or the rule has but one type. `dedup_key`
    is the key that every alert is to have.
    """

    name: str
    events: tuple[Event, ...]
    alert_count: int
    event_type: str | None = None
    severity: Severity | None = None
    title: str | None = None
    dedup_key: tuple[str, ...] | None = None
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
    def is_monotonic(self) -> bool:
        """Whether further events can only make further windows fire, and never one less."""
        is_rising_count = self.type in {"event_count", "value_count"} and self.operator in {
            "gt",
            "gte",
        }
        return is_rising_count or self.type.startswith("temporal")


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstSeen:
    """A combination of values that was not there in the last `forget`.

    Events less than `learn` after the archive's first event of the rule's types never match, nor do
    events without a value in any of `key`.
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
        metric: sum, count or distinct; `field` is what is summed, or counted once each.
        deviations: how many standard deviations above the mean a value must lie.
        floor: the least value that matches.
        minimum: so many windows of history are needed; with fewer the group is new.
        cold_start: the value from which on a new group matches; None if it never does.
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


Aggregation = Correlation | FirstSeen | Baseline
"""What a rule that looks at more than one event looks at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A detection, compiled.

    Attributes:
        name: the slug that users see; `id` is Sigma's UUID.
        event_types: the types it looks at; empty means every type.
        predicate: SQL over the columns of the event table; never NULL. Where types keep a field
            in different columns there is one Rule per type (`RuleSet.select_by_type`).
        fields: the physical columns that the predicate, cases, keys and title read.
        severity_cases: the first that holds gives the severity, else `level`.
        title: a template such as `{user_name|user_id} read {record_count:,|an unknown number of}`.
        dedup_key, dedup_window: what makes matches one episode. Events that have no value in any
            column of `dedup_key` go by `dedup_fallback`, and without that by themselves.
        raises_alert: False for a building block that only correlations use.
        attack: technique ids, `T1078.004`.
        severity_steps: what makes the severity of a case graver.
        aggregation: what it looks at beyond one event. A correlation has no predicate of its own
            (FALSE) and no event types; for the others the predicate selects the events.
        lists: the names of the lists whose entries the predicate holds.
    """

    id: str
    name: str
    level: Severity
    event_types: tuple[str, ...]
    predicate: str
    fields: frozenset[str]
    severity_cases: tuple[SeverityCase, ...]
    title: str
    dedup_key: tuple[str, ...]
    dedup_fallback: tuple[str, ...] = ()
    dedup_window: timedelta
    raises_alert: bool
    description: str
    attack: tuple[str, ...]
    references: tuple[str, ...]
    triage: str
    tests: tuple[RuleTest, ...]
    path: Path
    severity_steps: tuple[SeverityStep, ...] = ()
    aggregation: Aggregation | None = None
    lists: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One event that one rule is about. `key` holds the values of the rule's dedup key, as text.

    Attributes:
        event_uid: the event's; of a baseline, which matches whole windows, the window's.
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
