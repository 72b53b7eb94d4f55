"""Windows that begin with an event, and have become past since they were last looked at."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.detect import correlation_sql
from collector.evaluation.correlation.leaf_events import LeafEvents
from collector.evaluation.event_views import TimeSpan
from collector.model import Correlation, Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class PastWindows:
    """The windows of a correlation that waits, which end after `since` and by `until`."""

    rule: Rule
    since: datetime
    until: datetime

    @property
    def beginnings(self) -> TimeSpan:
        """When they begin."""
        timespan = self._correlation.timespan
        return self.since - timespan, self.until - timespan

    @property
    def scope(self) -> TimeSpan:
        """The times of all events in them."""
        return self.beginnings[0], self.until

    def find_first_events(self, rules: Mapping[str, Rule]) -> TimeSpan:
        """The times of the events with which they begin, and of those that these are made of."""
        reaches = [
            correlation_sql.compute_reach(rules[name], rules)
            for name in self._correlation.present
            if isinstance(rules[name].aggregation, Correlation)
        ]
        first, last = self.beginnings
        return first - max(reaches, default=timedelta()), last

    def list_leaves(self, rules: Mapping[str, Rule]) -> frozenset[str]:
        """The plain rules with whose events they may begin."""
        return frozenset(
            leaf
            for name in self._correlation.present
            for leaf in correlation_sql.list_plain_rules(rules[name], rules)
        )

    @property
    def _correlation(self) -> Correlation:
        if isinstance(self.rule.aggregation, Correlation):
            return self.rule.aggregation
        raise TypeError(f"{self.rule.name} is no correlation")


def has_events(leaf_events: LeafEvents, leaves: Collection[str]) -> bool:
    """Whether there is an event of any of these plain rules. Raises duckdb.Error."""
    connection = leaf_events.events.connection
    return any(
        connection.execute(f"SELECT 1 FROM ({leaf_events.select_leaf(leaf)}) LIMIT 1").fetchone()
        for leaf in sorted(leaves)
    )
