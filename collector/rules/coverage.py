"""Which rules can fire in an org, and what is missing for the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from collector.detect import RuleSet
from collector.health.monitor import HEALTH_EVENT_TYPE
from collector.model import Correlation, PollState, Rule
from collector.normalize.type_requirements import (
    TypeRequirement,
    expand_derived_types,
    find_requirement,
    list_requirements,
)
from collector.settings import SourcesSettings
from collector.store.ledger import PollStatus

_MIXED_STREAMS = frozenset({"*", "hourly", "daily"})
"""Streams that bring many types of events."""


class RuleStanding(StrEnum):
    """Whether a rule can fire in an org, the best first.

    It fires on what the org gives; it waits for a first event, which may come; or it is blind,
    because the org shows us nothing that it could fire on.
    """

    FIRES = "fires"
    WAITS = "waits"
    BLIND = "blind"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrgView:
    """What is known of an org.

    Attributes:
        org: its name.
        polls: how the last poll of each of its streams went.
        seen: the event types of which it has given events.
        sources: what the configuration says is to be read; None where that is not known.
    """

    org: str
    polls: Sequence[PollStatus]
    seen_types: AbstractSet[str]
    sources: SourcesSettings | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleCoverage:
    """How one rule stands in one org.

    Attributes:
        seen: the event types that it has had events of.
        why: for each of the others, why there have been none.
    """

    org: str
    rule: str
    state: RuleStanding
    seen_types: tuple[str, ...]
    reasons: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SilentRule:
    """A rule that no event of an org has reached yet.

    `why` is a reason for each of its event types. `can_fire` is False where the org shows us none
    of them.
    """

    org: str
    rule: str
    why: Mapping[str, str]
    can_fire: bool


def list_silent_rules(rules: RuleSet, view: OrgView) -> Iterator[SilentRule]:
    """The rules that have had nothing to look at."""
    for standing in compute_coverage(rules, view):
        if standing.state != RuleStanding.FIRES:
            yield SilentRule(
                org=standing.org,
                rule=standing.rule,
                why=standing.reasons,
                can_fire=standing.state != RuleStanding.BLIND,
            )


def compute_coverage(rules: RuleSet, view: OrgView) -> Iterator[RuleCoverage]:
    """How every rule stands."""
    for rule in rules.rules:
        types = expand_derived_types(list_rule_types(rule, rules))
        yield RuleCoverage(
            org=view.org,
            rule=rule.name,
            state=_compute_state(rule, rules, view),
            seen_types=tuple(name for name in types if _has_events(name, view)),
            reasons={
                name: _explain_absence(name, view) for name in types if not _has_events(name, view)
            },
        )


def list_rule_types(rule: Rule, rules: RuleSet) -> tuple[str, ...]:
    """The types that a rule looks at, a correlation through its parts; none if it is every type."""
    if not isinstance(rule.aggregation, Correlation):
        return rule.event_types
    parts = [list_rule_types(rules.by_name[name], rules) for name in rule.aggregation.rules]
    return tuple(dict.fromkeys(name for part in parts for name in part)) if all(parts) else ()


def list_rule_needs(rule: Rule, rules: RuleSet) -> list[TypeRequirement]:
    """What it takes to read each of the event types that a rule looks at."""
    return list(list_requirements(list_rule_types(rule, rules)))


# ---- rules


def _compute_state(rule: Rule, rules: RuleSet, view: OrgView) -> RuleStanding:
    if isinstance(rule.aggregation, Correlation):
        parts = [
            _compute_state(rules.by_name[name], rules, view) for name in rule.aggregation.rules
        ]
        wants_all = rule.aggregation.type.startswith("temporal")
        return _pick_worst(parts) if wants_all else _pick_best(parts)
    if not rule.event_types:
        return RuleStanding.FIRES if view.seen_types else RuleStanding.WAITS
    return _pick_best(
        _compute_type_state(name, view) for name in expand_derived_types(rule.event_types)
    )


def _compute_type_state(event_type: str, view: OrgView) -> RuleStanding:
    if _has_events(event_type, view):
        return RuleStanding.FIRES
    poll = _find_last_poll(event_type, view.polls)
    unavailable = poll is not None and poll.state == PollState.UNAVAILABLE
    return (
        RuleStanding.BLIND
        if unavailable or _explain_switched_off(event_type, view.sources)
        else RuleStanding.WAITS
    )


def _has_events(event_type: str, view: OrgView) -> bool:
    """That nothing is wrong with the collector is no gap."""
    return event_type in view.seen_types or event_type == HEALTH_EVENT_TYPE


def _pick_best(states: Iterable[RuleStanding]) -> RuleStanding:
    return min(states, key=list(RuleStanding).index)


def _pick_worst(states: Iterable[RuleStanding]) -> RuleStanding:
    return max(states, key=list(RuleStanding).index)


# ---- event types


def _explain_absence(event_type: str, view: OrgView) -> str:
    if reason := _explain_switched_off(event_type, view.sources):
        return reason
    poll = _find_last_poll(event_type, view.polls)
    if poll is None:
        return "not polled yet; is its source switched on?"
    if poll.state == PollState.FAILED:
        return f"could not be polled: {poll.reason}"
    if poll.state == PollState.UNAVAILABLE:
        return poll.reason.replace(poll.stream.name, "it")
    return "no event so far"


def _explain_switched_off(event_type: str, sources: SourcesSettings | None) -> str:
    """Why the configuration lets nobody read events of a type; nothing where it does."""
    wanted = find_requirement(event_type)
    if sources is None or wanted is None or not wanted.source:
        return ""
    chosen = getattr(sources, wanted.source)
    if chosen is None:
        return f"its source {wanted.source} is switched off"
    for key in ("event_types", "objects"):
        globs = getattr(chosen, key, ("*",))
        if not any(fnmatchcase(event_type, glob) for glob in globs):
            return f"it is not among the {key} of {wanted.source}"
    return ""


def _find_last_poll(event_type: str, polls: Sequence[PollStatus]) -> PollStatus | None:
    """The last poll that could have brought events of that type."""
    wanted = find_requirement(event_type)
    source = wanted.source if wanted else ""
    own = [poll for poll in polls if poll.stream.name == event_type]
    others = [poll for poll in polls if poll.stream.source == source and _brings_other_types(poll)]
    return max(own or others, key=lambda poll: poll.last_attempt, default=None)


def _brings_other_types(poll: PollStatus) -> bool:
    """Whether a stream brings types that it is not called by."""
    return poll.stream.name in _MIXED_STREAMS or poll.stream.source not in {
        "event_log_file",
        "stored_events",
    }
