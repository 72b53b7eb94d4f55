"""How many pages of one stream may be read in a row: as time and API calls allow."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from collector import clock
from collector.collection.api_budget_policy import BudgetDecision, Pace
from collector.errors import BudgetExhaustedError, TurnOverError

PAGE_ROUND = 25
"""After so many pages our share of API calls is looked at again."""


class PageBudget:
    """The pages of one stream in one turn.

    Args:
        decide: whether its source may be asked anything now.
        deadline: when its time is over, on the clock that never jumps.
    """

    def __init__(self, decide: Callable[[], BudgetDecision], *, deadline: float = inf) -> None:
        self._decide = decide
        self._deadline = deadline
        self._pages = 0

    def check_next_page(self) -> None:
        """Count a further page.

        Raises:
            TurnOverError: the time is over.
            BudgetExhaustedError: the calls are.
        """
        if clock.monotonic() > self._deadline:
            raise TurnOverError(
                f"after {self._pages:,} further pages or windows there was no end, and others have"
                " their turn: a shorter stretch of time is asked for next"
            )
        self._pages += 1
        if self._pages % PAGE_ROUND == 0:
            decision = self._decide()
            if decision.pace == Pace.PAUSE:
                raise BudgetExhaustedError(decision.reason)
