"""Which rules can fire in an org, and what is missing for the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from fnmatch import fnmatchcase

from collector.detect import RuleSet
from collector.model import Correlation, Rule
from collector.normalize.needs import Need, need, needs, stored
from collector.poll import FAILED, UNAVAILABLE
from collector.settings import Sources
from collector.store.ledger import Poll
from collector.watch import EVENT_TYPE

FIRES, WAITS, BLIND = "fires", "waits", "blind"

_WHOLE = frozenset({"*", "hourly", "daily"})
"""Streams that bring many types of events."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What is known of an org.

    Attributes:
        org: its name.
        polls: how the last poll of each of its streams went.
        seen: the event types of which it has given events.
        sources: what the configuration says is to be read; None where that is not known.
    """

    org: str
    polls: Sequence[Poll]
    seen: AbstractSet[str]
    sources: Sources | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one rule stands in one org.

    Attributes:
        state: it fires on what the org gives; it waits for a first event, which may come; or it is
            blind, because the org shows us nothing that it could fire on.
        seen: the event types that it has had events of.
        why: for each of the others, why there have been none.
    """

    org: str
    rule: str
    state: str
    seen: tuple[str, ...]
    why: Mapping[str, str]


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


def silent_rules(rules: RuleSet, view: View) -> Iterator[SilentRule]:
    """The rules that have had nothing to look at."""
    for standing in coverage(rules, view):
        if standing.state != FIRES:
            yield SilentRule(
                org=standing.org,
                rule=standing.rule,
                why=standing.why,
                can_fire=standing.state != BLIND,
            )


def coverage(rules: RuleSet, view: View) -> Iterator[Standing]:
    """How every rule stands."""
    for rule in rules.rules:
        types = stored(event_types(rule, rules))
        yield Standing(
            org=view.org,
            rule=rule.name,
            state=_state(rule, rules, view),
            seen=tuple(name for name in types if _is_seen(name, view)),
            why={name: _why(name, view) for name in types if not _is_seen(name, view)},
        )


def event_types(rule: Rule, rules: RuleSet) -> tuple[str, ...]:
    """The types that a rule looks at, a correlation through its parts; none if it is every type."""
    if not isinstance(rule.over, Correlation):
        return rule.event_types
    parts = [event_types(rules.by_name[name], rules) for name in rule.over.rules]
    return tuple(dict.fromkeys(name for part in parts for name in part)) if all(parts) else ()


def wants(rule: Rule, rules: RuleSet) -> list[Need]:
    """What it takes to read each of the event types that a rule looks at."""
    return list(needs(event_types(rule, rules)))


# ---- rules


def _state(rule: Rule, rules: RuleSet, view: View) -> str:
    if isinstance(rule.over, Correlation):
        parts = [_state(rules.by_name[name], rules, view) for name in rule.over.rules]
        wants_all = rule.over.type.startswith("temporal")
        return _worst(parts) if wants_all else _best(parts)
    if not rule.event_types:
        return FIRES if view.seen else WAITS
    return _best(_state_of_type(name, view) for name in stored(rule.event_types))


def _state_of_type(event_type: str, view: View) -> str:
    if _is_seen(event_type, view):
        return FIRES
    poll = _poll_of(event_type, view.polls)
    unavailable = poll is not None and poll.state == UNAVAILABLE
    return BLIND if unavailable or _switched_off(event_type, view.sources) else WAITS


def _is_seen(event_type: str, view: View) -> bool:
    """That nothing is wrong with the collector is no gap."""
    return event_type in view.seen or event_type == EVENT_TYPE


_ORDER = (FIRES, WAITS, BLIND)


def _best(states: Iterable[str]) -> str:
    return min(states, key=_ORDER.index)


def _worst(states: Iterable[str]) -> str:
    return max(states, key=_ORDER.index)


# ---- event types


def _why(event_type: str, view: View) -> str:
    if reason := _switched_off(event_type, view.sources):
        return reason
    poll = _poll_of(event_type, view.polls)
    if poll is None:
        return "not polled yet; is its source switched on?"
    if poll.state == FAILED:
        return f"could not be polled: {poll.reason}"
    if poll.state == UNAVAILABLE:
        return poll.reason.replace(poll.stream.name, "it")
    return "no event so far"


def _switched_off(event_type: str, sources: Sources | None) -> str:
    """Why the configuration lets nobody read events of a type; nothing where it does."""
    wanted = need(event_type)
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


def _poll_of(event_type: str, polls: Sequence[Poll]) -> Poll | None:
    """The last poll that could have brought events of that type."""
    wanted = need(event_type)
    source = wanted.source if wanted else ""
    own = [poll for poll in polls if poll.stream.name == event_type]
    others = [poll for poll in polls if poll.stream.source == source and _brings(poll)]
    return max(own or others, key=lambda poll: poll.last_attempt, default=None)


def _brings(poll: Poll) -> bool:
    """Whether a stream brings types that it is not called by."""
    return poll.stream.name in _WHOLE or poll.stream.source not in {
        "event_log_file",
        "stored_events",
    }
