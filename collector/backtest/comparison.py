"""How the alerts of two versions of the rules differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from collector.backtest.hits import AlertGroup, BacktestResult


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleDifference:
    """A rule whose results differ; None where a version has no such rule."""

    rule: str
    ours: BacktestResult | None
    theirs: BacktestResult | None

    @property
    def alert_difference(self) -> int:
        """How many alerts more ours has than theirs."""
        return _count_alerts(self.ours) - _count_alerts(self.theirs)

    @property
    def new_groups(self) -> tuple[AlertGroup, ...]:
        """The groups that ours alone has; none where those of theirs are not all known."""
        return _subtract_groups(self.ours, self.theirs)

    @property
    def lost_groups(self) -> tuple[AlertGroup, ...]:
        """The groups that theirs alone has; none where those of ours are not all known."""
        return _subtract_groups(self.theirs, self.ours)


def list_differences(
    ours: Sequence[BacktestResult], theirs: Sequence[BacktestResult]
) -> Iterator[RuleDifference]:
    """The rules whose results differ, by name."""
    ours_by_name, theirs_by_name = _index_by_name(ours), _index_by_name(theirs)
    for name in sorted(ours_by_name.keys() | theirs_by_name.keys()):
        one, other = ours_by_name.get(name), theirs_by_name.get(name)
        if one is None or other is None or _to_comparable(one) != _to_comparable(other):
            yield RuleDifference(rule=name, ours=one, theirs=other)


def _index_by_name(results: Sequence[BacktestResult]) -> Mapping[str, BacktestResult]:
    return {result.rule.name: result for result in results}


def _count_alerts(result: BacktestResult | None) -> int:
    return 0 if result is None else result.alert_count


def _subtract_groups(
    one: BacktestResult | None, other: BacktestResult | None
) -> tuple[AlertGroup, ...]:
    if one is None or other is None or other.failure or other.group_count > len(other.groups):
        return ()
    other_groups = {(group.org, group.key) for group in other.groups}
    return tuple(group for group in one.groups if (group.org, group.key) not in other_groups)


def _to_comparable(result: BacktestResult) -> tuple[object, ...]:
    """The result of a rule without the rule itself."""
    return (
        result.event_count,
        dict(result.alerts_by_day),
        dict(result.alerts_by_severity),
        result.groups,
        result.group_count,
        result.failure,
    )
