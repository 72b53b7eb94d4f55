"""Rules, as they are run, and what they find."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypeAlias

from collector.model.rule_tests import RuleTest
from collector.model.severity import Severity

Event = Mapping[str, Any]
"""One row of the event table, by column name."""


MissingValues: TypeAlias = Literal["skip", "value"]
"""What events are that lack a part of a key: left out, or of a group of their own."""

COPY_MARK = "."
"""Between a rule's name and a correlation's in the name of the copy that a filter on that
correlation makes of the rule; no name that stands in a file has one."""


def strip_copy_mark(name: str) -> str:
    """The name by which people know a rule: that of the rule which it is a copy of, or its own."""
    return name.partition(COPY_MARK)[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeverityCase:
    """One rung of a severity ladder: an event that `predicate` (SQL) holds for has `level`.

    `unexpired` is the predicate without what has expired of value lists: where only the other
    holds, it is one level lower, and never makes an event less grave. None where nothing expires.
    """

    predicate: str
    level: Severity
    unexpired: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeverityStep:
    """Events that `predicate` (SQL) holds for: `increment` levels graver, up to `max_severity`."""

    predicate: str
    increment: int
    max_severity: Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberCondition:
    """A condition about events of a window that severity cases ask for.

    Attributes:
        predicate: SQL over `columns`, which are typed by their names; never NULL.
        rule: whose events alone are meant; None for those of every rule.
        is_about_all: whether it has to hold for all of them, one at least, rather than for any.
    """

    predicate: str
    columns: Mapping[str, str]
    rule: str | None = None
    is_about_all: bool = False

    @staticmethod
    def name_answer(place: int) -> str:
        """The column that is 1 for windows in which the condition at that place holds, else 0."""
        return f"#when{place}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberLink:
    """A rule whose events fill `fills` of others that have the same value in `by`.

    They lie up to `within` before or after these.
    """

    rule: str
    by: str
    fills: tuple[str, ...]
    within: timedelta


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
        optional: those of them, behind the others, that only severity cases ask for, or the link:
            they neither count nor end a window.
        group_by: fields or aliases.
        aliases: by alias and name of a rule, the field that it stands for there.
        field, percentile: what `value_…` types compute with.
        operator, limit: the condition: gt, gte, lt, lte, eq or neq. Of `temporal` gte and how many
            of the rules have to fit, each by an event of its own; None where it is every rule.
        member_conditions: what severity cases ask of the events of a window.
        carried: further fields of the event with which a window ends that its rows have.
        absent: those of the rules, of a temporal type, that must not match. Where there are some,
            windows begin with an event and reach forward from it (`correlation_sql.absence`).
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
    member_conditions: tuple[MemberCondition, ...] = ()
    carried: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    optional: frozenset[str] = frozenset()
    link: MemberLink | None = None

    @property
    def members(self) -> tuple[str, ...]:
        """The names of the rules that decide whether it fires, in order."""
        return tuple(name for name in self.rules if name not in self.optional)

    @property
    def present(self) -> tuple[str, ...]:
        """The rules that have to match, in order."""
        return tuple(name for name in self.members if name not in self.absent)

    @property
    def is_monotonic(self) -> bool:
        """Whether further events can only make further windows fire, and never one less."""
        is_rising_count = self.type in {"event_count", "value_count"} and self.operator in {
            "gt",
            "gte",
        }
        return is_rising_count or (self.type.startswith("temporal") and not self.absent)


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstSeen:
    """A combination of values that was not there in the last `forget`.

    Events less than `learn` after the archive's first event of the rule's types never match, nor do
    events without a value in any of `key`, unless `missing` says that to lack it is a value, too.
    """

    key: tuple[str, ...]
    learn: timedelta
    forget: timedelta
    missing: MissingValues = "skip"


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """A measure of a group in one window of time, held against its own past or against its peers.

    Windows are `window` long and begin at multiples of it since 1970. The past of a window is that
    of the group's windows of the last `history` in which it had events. Its peers are the same
    window of all other groups with its values of `peers` that had events in it.

    Attributes:
        metric: sum, count or distinct; `field` is what is summed, or counted once each.
        group_by: what tells groups apart, `peers` at its end.
        peers: what groups have in common that are held against each other; none where they are
            held against their past.
        deviations: how many standard deviations above the mean a value must lie.
        times_mean: how many times the mean it must be besides; None if that does not matter.
        floor: the least value that matches.
        minimum: so many windows to compare with are needed; with fewer the group is new, or alone.
        cold_start: the value from which on such a group matches; None if it never does.
        missing: what events are that have no value in any of `group_by`.
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
    times_mean: float | None = None
    missing: MissingValues = "skip"
    peers: tuple[str, ...] = ()


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
        condition_fields: those of them that are read of every event, whether it matches or not: by
            the predicate, and by the keys and measures of an aggregation.
        severity_fields: those that the predicate, cases and steps read.
        severity_cases: the first that holds gives the severity, else `level`.
        title: a template such as `{user_name|user_id} read {record_count:,|an unknown number of}`.
        dedup_key, dedup_window: what makes matches one episode. Events that have no value in any
            column of `dedup_key` go by `dedup_fallback`, and without that by themselves.
        raises_alert: False for a building block that only correlations use.
        notified_severity: the least severity of which channels are told; graver alerts are, others
            are stored alone.
        attack: technique ids, `T1078.004`.
        severity_steps: what makes the severity of a case graver.
        aggregation: what it looks at beyond one event. A correlation has no predicate of its own
            (FALSE) and no event types; for the others the predicate selects the events.
        lists: the names of the lists whose entries the predicate holds.
        unexpired: the predicate without what has expired of value lists: where only the other
            holds, all levels are one lower. None where nothing expires.
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
    condition_fields: frozenset[str] = frozenset()
    severity_fields: frozenset[str] = frozenset()
    unexpired: str | None = None
    notified_severity: Severity = Severity.INFORMATIONAL

    @property
    def correlated_rules(self) -> tuple[str, ...]:
        """The names of the rules that it looks at, in order; none if it is no correlation."""
        return self.aggregation.rules if isinstance(self.aggregation, Correlation) else ()

    @property
    def absent_rules(self) -> tuple[str, ...]:
        """The names of those of them that must not match; none if it is no correlation."""
        return self.aggregation.absent if isinstance(self.aggregation, Correlation) else ()

    @property
    def required_rules(self) -> tuple[str, ...]:
        """The names of those of them that have to match; none if it is no correlation."""
        return self.aggregation.present if isinstance(self.aggregation, Correlation) else ()

    @property
    def needed_correlated(self) -> int:
        """How many of these have to match something before it can fire."""
        if not isinstance(self.aggregation, Correlation):
            return 0
        if not self.aggregation.type.startswith("temporal"):
            return 1
        limit = self.aggregation.limit
        return len(set(self.aggregation.present)) if limit is None else int(limit)


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
