"""What another version of the rules would have told that this one would not, and vice versa."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from collector.backtest.hits import Verdict


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


def _told(verdict: Verdict) -> tuple[object, ...]:
    return (
        verdict.events,
        dict(verdict.alerts),
        dict(verdict.severities),
        verdict.groups,
        verdict.failure,
    )
