"""The rest of an org that has said REQUEST_LIMIT_EXCEEDED: for a while nothing is asked of it."""

from __future__ import annotations

from datetime import timedelta
from math import inf

from collector import clock
from collector.errors import LimitExceededError

DAILY_LIMIT_REST = timedelta(minutes=15)
CONCURRENT_LIMIT_REST = timedelta(minutes=1)


class OrgRest:
    """Whether one org rests. Both lanes look at it."""

    def __init__(self) -> None:
        self._limit_error: LimitExceededError | None = None
        self._rest_until = -inf

    def begin(self, limit: LimitExceededError) -> None:
        """Begin a rest."""
        rest = DAILY_LIMIT_REST if limit.is_daily else CONCURRENT_LIMIT_REST
        self._limit_error = limit
        self._rest_until = clock.monotonic() + rest.total_seconds()

    def is_on(self) -> bool:
        """Whether the org rests now."""
        return clock.monotonic() < self._rest_until

    def raise_if_on(self) -> None:
        """Raise the LimitExceededError that the rest began with, while it lasts."""
        if self._limit_error is not None and self.is_on():
            raise self._limit_error
