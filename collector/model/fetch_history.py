"""What was tried so far to fetch something that an org has listed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchHistory:
    """Of one listed file: how often it could not be fetched, and why it could not the last time.

    `last_listed` is when it was listed before the present poll.
    """

    failures: int
    reason: str
    first_listed: datetime
    last_listed: datetime
