"""What one version of the rules would have told that another one would not, and vice versa."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from collector.backtest.hits import AlertGroup, BacktestResult


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleDifference:
    """A rule that tells something else in the other version; None where one has no such rule."""

    rule: str
    ours: BacktestResult | None
    theirs: BacktestResult | None

    @property
    def alert_difference(self) -> int:
        """How many alerts more ours has than theirs."""
        return _count_alerts(self.ours) - _count_alerts(self.theirs)

    @property
    def new_groups(self) -> tuple[AlertGroup, ...]:
        """The groups that ours alone tells of, as far as all that theirs tells of are known."""
        return _subtract_groups(self.ours, self.theirs)

    @property
    def lost_groups(self) -> tuple[AlertGroup, ...]:
        """The groups that theirs alone tells of, as far as all that ours tells of are known."""
        return _subtract_groups(self.theirs, self.ours)


def list_differences(
    ours: Sequence[BacktestResult], theirs: Sequence[BacktestResult]
) -> Iterator[RuleDifference]:
    """The rules that differ in what they tell, by name."""
    here, there = _index_by_name(ours), _index_by_name(theirs)
    for name in sorted(here.keys() | there.keys()):
        one, other = here.get(name), there.get(name)
        if one is None or other is None or _to_comparable(one) != _to_comparable(other):
            yield RuleDifference(rule=name, ours=one, theirs=other)


def _index_by_name(verdicts: Sequence[BacktestResult]) -> Mapping[str, BacktestResult]:
    return {verdict.rule.name: verdict for verdict in verdicts}


def _count_alerts(verdict: BacktestResult | None) -> int:
    return 0 if verdict is None else verdict.alert_count


def _subtract_groups(
    one: BacktestResult | None, other: BacktestResult | None
) -> tuple[AlertGroup, ...]:
    if one is None or other is None or other.failure or other.group_count > len(other.groups):
        return ()
    known = {(group.org, group.key) for group in other.groups}
    return tuple(group for group in one.groups if (group.org, group.key) not in known)


def _to_comparable(verdict: BacktestResult) -> tuple[object, ...]:
    """All that is said of a rule, whatever the rule itself says."""
    return (
        verdict.event_count,
        dict(verdict.alerts_by_day),
        dict(verdict.alerts_by_severity),
        verdict.groups,
        verdict.group_count,
        verdict.failure,
    )
