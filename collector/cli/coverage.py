"""Which rules have had nothing to look at in an org, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import chain

from collector import normalize
from collector.model import Rule
from collector.poll import FAILED, UNAVAILABLE
from collector.store.ledger import Poll
from collector.watch import EVENT_TYPE

_SHARED = {"elf": "event_log_file", "stored": "stored_events"}
"""The source that serves all event types of a family."""


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


def silent_rules(
    org: str, rules: Iterable[Rule], *, polls: Sequence[Poll], seen: AbstractSet[str]
) -> Iterator[SilentRule]:
    """The rules that have had nothing to look at.

    Args:
        org: the org.
        rules: all rules.
        polls: how the last poll of each of the org's streams went.
        seen: the event types of which the org has given events.
    """
    for rule in rules:
        types = _stored_types(rule)
        if types == (EVENT_TYPE,):
            continue  # That nothing is wrong with the collector is no gap.
        if seen.isdisjoint(types) if types else not seen:
            found = {name: _poll_of(name, polls) for name in types}
            yield SilentRule(
                org=org,
                rule=rule.name,
                why={name: _why(poll) for name, poll in found.items()},
                can_fire=not types or not all(map(_is_unavailable, found.values())),
            )


def _stored_types(rule: Rule) -> tuple[str, ...]:
    """The event types that a rule depends on: for a derived one, those that it is made of."""
    names = (
        normalize.DERIVED[name].sources if name in normalize.DERIVED else (name,)
        for name in rule.event_types
    )
    return tuple(dict.fromkeys(chain.from_iterable(names)))


def _poll_of(event_type: str, polls: Sequence[Poll]) -> Poll | None:
    """The last poll that could have brought events of that type."""
    shared = _SHARED.get(normalize.family(event_type) or "")
    own = [poll for poll in polls if poll.stream.name == event_type]
    others = [
        poll
        for poll in polls
        if poll.stream.source == shared and poll.stream.name in ("*", "hourly", "daily")
    ]
    return max(own or others, key=lambda poll: poll.last_attempt, default=None)


def _is_unavailable(poll: Poll | None) -> bool:
    return poll is not None and poll.state == UNAVAILABLE


def _why(poll: Poll | None) -> str:
    if poll is None:
        return "not polled yet; is its source switched on?"
    if poll.state == FAILED:
        return f"could not be polled: {poll.reason}"
    if poll.state == UNAVAILABLE:
        return poll.reason.replace(poll.stream.name, "it")
    return "no event so far"
