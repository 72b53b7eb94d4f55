"""What rules say of a batch: what matches, what no longer does, and what they remember of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from collector.model import Match, Withdrawn

Save = Callable[[sa.Connection], None]
"""Writes into the state transaction what a rule is to remember."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What rules say of a batch. Nothing of it holds before it is committed."""

    matches: Sequence[Match] = ()
    withdrawn: Sequence[Withdrawn] = ()
    save: Sequence[Save] = ()

    def and_also(self, other: Judged) -> Judged:
        """What both say."""
        return Judged(
            matches=[*self.matches, *other.matches],
            withdrawn=[*self.withdrawn, *other.withdrawn],
            save=[*self.save, *other.save],
        )
