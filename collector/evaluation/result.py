"""What rules say of a batch: what matches, what no longer does, and what they remember of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import sqlalchemy as sa

from collector.model import Match, Withdrawal


class RuleStateChange(Protocol):
    """What a rule is to remember from a batch on, or to forget."""

    def save(self, connection: sa.Connection) -> None:
        """Write it into the state transaction."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationResult:
    """What rules say of a batch. Nothing of it holds before it is committed."""

    matches: Sequence[Match] = ()
    withdrawals: Sequence[Withdrawal] = ()
    state_changes: Sequence[RuleStateChange] = ()

    def merge_with(self, other: EvaluationResult) -> EvaluationResult:
        """What both say."""
        return EvaluationResult(
            matches=[*self.matches, *other.matches],
            withdrawals=[*self.withdrawals, *other.withdrawals],
            state_changes=[*self.state_changes, *other.state_changes],
        )
