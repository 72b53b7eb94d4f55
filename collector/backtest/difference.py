"""What one version of the rules would have told that another one would not, and vice versa."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from collector.backtest.hits import Group, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A rule that tells something else in the other version; None where one has no such rule."""

    rule: str
    ours: Verdict | None
    theirs: Verdict | None

    @property
    def alerts(self) -> int:
        """How many alerts more ours has than theirs."""
        return _total(self.ours) - _total(self.theirs)

    @property
    def new(self) -> tuple[Group, ...]:
        """The groups that ours alone tells of, as far as all that theirs tells of are known."""
        return _without(self.ours, self.theirs)

    @property
    def gone(self) -> tuple[Group, ...]:
        """The groups that theirs alone tells of, as far as all that ours tells of are known."""
        return _without(self.theirs, self.ours)


def differences(ours: Sequence[Verdict], theirs: Sequence[Verdict]) -> Iterator[Change]:
    """The rules that differ in what they tell, by name."""
    here, there = _by_name(ours), _by_name(theirs)
    for name in sorted(here.keys() | there.keys()):
        one, other = here.get(name), there.get(name)
        if one is None or other is None or _told(one) != _told(other):
            yield Change(rule=name, ours=one, theirs=other)


def _by_name(verdicts: Sequence[Verdict]) -> Mapping[str, Verdict]:
    return {verdict.rule.name: verdict for verdict in verdicts}


def _total(verdict: Verdict | None) -> int:
    return 0 if verdict is None else verdict.total


def _without(one: Verdict | None, other: Verdict | None) -> tuple[Group, ...]:
    if one is None or other is None or other.failure or other.group_count > len(other.groups):
        return ()
    known = {(group.org, group.key) for group in other.groups}
    return tuple(group for group in one.groups if (group.org, group.key) not in known)


def _told(verdict: Verdict) -> tuple[object, ...]:
    """All that is said of a rule, whatever the rule itself says."""
    return (
        verdict.events,
        dict(verdict.alerts),
        dict(verdict.severities),
        verdict.groups,
        verdict.group_count,
        verdict.failure,
    )
