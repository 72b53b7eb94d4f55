"""Keeps one org's polls within our share of its API calls, and counts these."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta

from collector import clock
from collector.collection import api_budget_policy
from collector.salesforce.client import SalesforceClient
from collector.sources import Source
from collector.store import api_usage
from collector.store.database import Database


class ApiBudget:
    """How often each source of an org may be asked. `percent` is our share of the daily calls."""

    def __init__(
        self,
        *,
        org: str,
        percent: int,
        client: SalesforceClient,
        sources: Sequence[Source],
        database: Database,
    ) -> None:
        self._org = org
        self._percent = percent
        self._client = client
        self._sources = tuple(sources)
        self._database = database
        self._last_cost: dict[str, int] = {}

    def decide_pace(self, source: Source) -> api_budget_policy.BudgetDecision:
        """Whether the source may be asked now."""
        return api_budget_policy.decide_pace(
            source.spec.value_rank, self._read_spending(), percent=self._percent
        )

    def compute_interval(self, source: Source) -> timedelta:
        """How long to wait between two polls of a source, so that the day's calls suffice."""
        usage = self._client.api_usage
        if usage is None:
            return source.poll_interval
        costs = {
            other.kind: api_budget_policy.PollCost(
                interval=other.poll_interval,
                calls=self._last_cost.get(other.kind, 1),
                value_rank=other.spec.value_rank,
                max_stretch=other.spec.max_stretch,
            )
            for other in self._sources
        }
        stretches = api_budget_policy.compute_stretch(
            costs, allowed_calls=usage.max_calls * self._percent // 100
        )
        return source.poll_interval * max(
            stretches[source.kind], self.decide_pace(source).interval_factor
        )

    @contextmanager
    def count_calls(self, source: Source) -> Iterator[None]:
        """Count the calls that are made inside as the source's."""
        start_count = self._client.call_count
        try:
            yield
        finally:
            calls = self._client.call_count - start_count
            self._last_cost[source.kind] = max(1, calls)
            if calls:
                with self._database.begin() as connection:
                    api_usage.add_api_calls(
                        connection, self._org, source.kind, calls, now=clock.now()
                    )

    def _read_spending(self) -> api_budget_policy.ApiSpending | None:
        usage = self._client.api_usage
        if usage is None:
            return None
        return api_budget_policy.ApiSpending(
            own_calls=sum(self._read_spent_calls().values()),
            used_calls=usage.used_calls,
            max_calls=usage.max_calls,
        )

    def _read_spent_calls(self) -> Mapping[str, int]:
        with self._database.read() as connection:
            return api_usage.sum_api_calls(connection, self._org, now=clock.now())
