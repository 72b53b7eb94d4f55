"""Keeps one org's polls within our share of its API calls: asks the budget, keeps the account."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta

from collector import clock
from collector.salesforce import budget
from collector.salesforce.client import Client
from collector.sources import Source
from collector.store import spending
from collector.store.database import Database


class Pacing:
    """How often each source of an org may be asked. `percent` is our share of the daily calls."""

    def __init__(
        self,
        *,
        org: str,
        percent: int,
        client: Client,
        sources: Sequence[Source],
        database: Database,
    ) -> None:
        self._org = org
        self._percent = percent
        self._client = client
        self._every = {source.kind: source.every for source in sources}
        self._database = database
        self._last_cost: dict[str, int] = {}

    def verdict(self, source: Source) -> budget.Verdict:
        """Whether the source may be asked now."""
        return budget.verdict(source.kind, self._spending(), percent=self._percent)

    def interval(self, source: Source) -> timedelta:
        """How long to wait between two polls of a source, so that the day's calls suffice."""
        usage = self._client.usage
        if usage is None:
            return source.every
        costs = {
            kind: budget.Cost(every=every, calls=self._last_cost.get(kind, 1))
            for kind, every in self._every.items()
        }
        stretched = budget.stretch(costs, allowed=usage.maximum * self._percent // 100)
        return source.every * max(stretched[source.kind], self.verdict(source).factor)

    @contextmanager
    def counting(self, source: Source) -> Iterator[None]:
        """Count the calls that are made inside as the source's."""
        before = self._client.calls
        try:
            yield
        finally:
            calls = self._client.calls - before
            self._last_cost[source.kind] = max(1, calls)
            if calls:
                with self._database.begin() as connection:
                    spending.add(connection, self._org, source.kind, calls, now=clock.now())

    def _spending(self) -> budget.Spending | None:
        usage = self._client.usage
        if usage is None:
            return None
        return budget.Spending(
            ours=sum(self._spent().values()), used=usage.used, maximum=usage.maximum
        )

    def _spent(self) -> Mapping[str, int]:
        with self._database.read() as connection:
            return spending.spent(connection, self._org, now=clock.now())
