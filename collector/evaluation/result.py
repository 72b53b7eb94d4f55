"""What rules find in a batch: matches, withdrawals, and changes to what they remember."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import sqlalchemy as sa

from collector.model import Match, Withdrawal

MATCHES_PER_COMMIT = 2_000
"""The most matches of single events that are held in memory and committed together."""


class RuleStateChange(Protocol):
    """A change to what a rule remembers."""

    def save(self, connection: sa.Connection) -> None:
        """Write it into the state transaction."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationResult:
    """What rules find in a batch. It takes effect when it is committed."""

    matches: Sequence[Match] = ()
    withdrawals: Sequence[Withdrawal] = ()
    state_changes: Sequence[RuleStateChange] = ()

    def merge_with(self, other: EvaluationResult) -> EvaluationResult:
        """The matches, withdrawals and state changes of both."""
        return EvaluationResult(
            matches=[*self.matches, *other.matches],
            withdrawals=[*self.withdrawals, *other.withdrawals],
            state_changes=[*self.state_changes, *other.state_changes],
        )
