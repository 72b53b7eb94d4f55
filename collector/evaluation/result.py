"""What rules say of a batch: what matches, what no longer does, and what they remember of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from collector.model import Match, Withdrawal

StateWriter = Callable[[sa.Connection], None]
"""Writes into the state transaction what a rule is to remember."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationResult:
    """What rules say of a batch. Nothing of it holds before it is committed."""

    matches: Sequence[Match] = ()
    withdrawals: Sequence[Withdrawal] = ()
    state_writers: Sequence[StateWriter] = ()

    def merge_with(self, other: EvaluationResult) -> EvaluationResult:
        """What both say."""
        return EvaluationResult(
            matches=[*self.matches, *other.matches],
            withdrawals=[*self.withdrawals, *other.withdrawals],
            state_writers=[*self.state_writers, *other.state_writers],
        )
