"""Who is next: a lock that urgent work gets before bulk work, and equals in the order they came."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from collector.sources.spec import Lane

_LANE_RANKS = {Lane.URGENT: 0, Lane.BULK: 1}


class WorkTurns:
    """A lock for several threads, of which one has its turn at a time. It is not reentrant."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._tickets = itertools.count()
        self._waiting: list[tuple[int, int]] = []
        self._is_taken = False

    @contextmanager
    def take_turn(self, lane: Lane) -> Iterator[None]:
        """Wait until nobody has the turn and nobody of a more urgent lane waits; then have it."""
        self._begin_turn(lane)
        try:
            yield
        finally:
            self._end_turn()

    def _begin_turn(self, lane: Lane) -> None:
        with self._changed:
            ticket = (_LANE_RANKS[lane], next(self._tickets))
            heapq.heappush(self._waiting, ticket)
            self._changed.wait_for(lambda: not self._is_taken and self._waiting[0] == ticket)
            heapq.heappop(self._waiting)
            self._is_taken = True

    def _end_turn(self) -> None:
        with self._changed:
            self._is_taken = False
            self._changed.notify_all()
