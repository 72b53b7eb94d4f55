"""Which rules can fire in an org, and what is missing for the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from collector.health.health_events import HEALTH_EVENT_TYPE
from collector.model import PollState
from collector.model.rules import COPY_MARK
from collector.normalize import find_family
from collector.normalize.derived_types import expand_derived_types
from collector.rules.outline import OutlinedRule, OutlinedRules
from collector.settings import SourceSettings, SourcesSettings
from collector.settings.values import matches_any
from collector.sources import SOURCES, SourceSpec
from collector.sources.registry import find_supplier
from collector.sources.spec import TypeRequirement

if TYPE_CHECKING:  # rules are listed and checked without a state, too
    from collector.store.ledger import PollStatus


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
        seen_types: the event types of which it has given events.
        sources: what the configuration says is to be read; None where that is not known.
        source_specs: the sources that there are.
    """

    org: str
    polls: Sequence[PollStatus]
    seen_types: AbstractSet[str]
    sources: SourcesSettings | None = None
    source_specs: Sequence[SourceSpec[SourceSettings]] = SOURCES

    def find_supplier(self, event_type: str) -> SourceSpec[SourceSettings] | None:
        """The source that brings events of a type."""
        return find_supplier(event_type, find_family(event_type), self.source_specs)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleCoverage:
    """Whether one rule can fire in one org.

    Attributes:
        seen_types: the event types that it has had events of.
        reasons: for each of the others, why there have been none.
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


def list_silent_rules(rules: OutlinedRules, view: OrgView) -> Iterator[SilentRule]:
    """The rules that no event of the org has reached yet."""
    for coverage in compute_coverage(rules, view):
        if coverage.state != RuleStanding.FIRES:
            yield SilentRule(
                org=coverage.org,
                rule=coverage.rule,
                why=coverage.reasons,
                can_fire=coverage.state != RuleStanding.BLIND,
            )


def compute_coverage(rules: OutlinedRules, view: OrgView) -> Iterator[RuleCoverage]:
    """The coverage of every rule that stands in a file."""
    for rule in rules.rules:
        if COPY_MARK in rule.name:
            continue
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


def list_rule_types(rule: OutlinedRule, rules: OutlinedRules) -> tuple[str, ...]:
    """The types that a rule looks at, a correlation through its parts; none if it is every type."""
    if not rule.correlated_rules:
        return rule.event_types
    parts = [list_rule_types(rules.by_name[name], rules) for name in rule.correlated_rules]
    return tuple(dict.fromkeys(name for part in parts for name in part)) if all(parts) else ()


def list_rule_needs(
    rule: OutlinedRule, rules: OutlinedRules, specs: Sequence[SourceSpec[SourceSettings]] = SOURCES
) -> list[TypeRequirement]:
    """What it takes to read each of the event types that a rule looks at."""
    types = expand_derived_types(list_rule_types(rule, rules))
    return [need for name in types if (need := find_requirement(name, specs))]


def find_requirement(
    event_type: str, specs: Sequence[SourceSpec[SourceSettings]] = SOURCES
) -> TypeRequirement | None:
    """What it takes to read a stored event type; None if it is derived or undocumented."""
    if event_type == HEALTH_EVENT_TYPE:
        return TypeRequirement(event_type=event_type, source="")
    supplier = find_supplier(event_type, find_family(event_type), specs)
    return supplier.describe_requirement(event_type) if supplier else None


# ---- rules


def _compute_state(rule: OutlinedRule, rules: OutlinedRules, view: OrgView) -> RuleStanding:
    if rule.correlated_rules:
        names = dict.fromkeys(rule.required_rules)
        parts = [_compute_state(rules.by_name[name], rules, view) for name in names]
        return _pick_best(parts, needed=rule.needed_correlated)
    if not rule.event_types:
        return RuleStanding.FIRES if view.seen_types else RuleStanding.WAITS
    return _pick_best(
        _compute_type_state(name, view) for name in expand_derived_types(rule.event_types)
    )


def _compute_type_state(event_type: str, view: OrgView) -> RuleStanding:
    if _has_events(event_type, view):
        return RuleStanding.FIRES
    poll = _find_last_poll(event_type, view)
    is_unavailable = poll is not None and poll.state == PollState.UNAVAILABLE
    is_blind = is_unavailable or _explain_switched_off(event_type, view)
    return RuleStanding.BLIND if is_blind else RuleStanding.WAITS


def _has_events(event_type: str, view: OrgView) -> bool:
    """Whether there are events of a type; none of the collector's health is no gap."""
    return event_type in view.seen_types or event_type == HEALTH_EVENT_TYPE


def _pick_best(states: Iterable[RuleStanding], needed: int = 1) -> RuleStanding:
    """The worst of so many of the states that are best."""
    return sorted(states, key=list(RuleStanding).index)[needed - 1]


# ---- event types


def _explain_absence(event_type: str, view: OrgView) -> str:
    if reason := _explain_switched_off(event_type, view):
        return reason
    poll = _find_last_poll(event_type, view)
    if poll is None:
        return "not polled yet; is its source switched on?"
    if poll.state == PollState.FAILED and _is_common_stream(poll, event_type):
        return f"no event so far; of its source something failed: {poll.reason}"
    if poll.state == PollState.FAILED:
        return f"could not be polled: {poll.reason}"
    if poll.state == PollState.UNAVAILABLE:
        return poll.reason.replace(poll.stream.name, "it")
    return "no event so far"


def _is_common_stream(poll: PollStatus, event_type: str) -> bool:
    """Whether a stream brings several types, so that what failed may be of another one."""
    return poll.stream.name not in {"*", event_type}


def _explain_switched_off(event_type: str, view: OrgView) -> str:
    """Why the configuration keeps events of a type from being read; empty where it does not."""
    supplier = view.find_supplier(event_type)
    if view.sources is None or supplier is None:
        return ""
    settings = supplier.find_settings(view.sources)
    if settings is None:
        return f"its source {supplier.kind} is switched off"
    for key, patterns in settings.list_type_patterns().items():
        if not matches_any(event_type, patterns):
            return f"it is not among the {key} of {supplier.kind}"
    return ""


def _find_last_poll(event_type: str, view: OrgView) -> PollStatus | None:
    """The last poll that could have brought events of that type."""
    supplier = view.find_supplier(event_type)
    type_polls = [poll for poll in view.polls if poll.stream.name == event_type]
    source_polls = [poll for poll in view.polls if supplier and _may_bring_any(poll, supplier)]
    return max(type_polls or source_polls, key=lambda poll: poll.last_attempt, default=None)


def _may_bring_any(poll: PollStatus, supplier: SourceSpec[SourceSettings]) -> bool:
    """Whether a stream may bring any of a source's types, also those that it is not called by."""
    if poll.stream.source != supplier.kind:
        return False
    return poll.stream.name == "*" or not supplier.event_types.have_own_streams
