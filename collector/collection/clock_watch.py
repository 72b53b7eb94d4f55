"""Keeps in the state how far our clock and an org's are apart."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from collector import clock
from collector.logs import log
from collector.salesforce.client import SalesforceClient
from collector.salesforce.clock_skew import NOTABLE_SKEW, describe_clock_skew
from collector.store import org_clocks
from collector.store.database import Database

SMALLEST_CHANGE = timedelta(seconds=10)
"""An org tells its time in whole seconds: less is no news."""


class ClockWatch:
    """Writes down what an org's answers say of its clock, whenever that changes."""

    def __init__(self, *, org: str, client: SalesforceClient, database: Database) -> None:
        self._org = org
        self._client = client
        self._database = database
        self._recorded_skew: timedelta | None = None

    @contextmanager
    def record_skew(self) -> Iterator[None]:
        """After what is done inside, write down the skew if it has changed."""
        try:
            yield
        finally:
            skew, earlier = self._client.clock_skew, self._recorded_skew
            if skew is not None and (earlier is None or abs(skew - earlier) > SMALLEST_CHANGE):
                self._save_skew(skew)

    def _save_skew(self, skew: timedelta) -> None:
        with self._database.begin() as connection:
            org_clocks.record_clock_skew(
                connection, self._org, skew, tolerance=NOTABLE_SKEW, now=clock.now()
            )
        self._recorded_skew = skew
        if abs(skew) > NOTABLE_SKEW:
            log.warning("clock_skewed", org=self._org, reason=describe_clock_skew(skew))
