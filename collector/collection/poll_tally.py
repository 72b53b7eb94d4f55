"""What one stream's poll adds up to: its counts, its problems, and whether its cursor may move."""

from __future__ import annotations

from dataclasses import dataclass, replace

from collector.escaping import escape_terminal
from collector.model import Batch, Cursor, PollState, Stream, WindowFacts
from collector.sources import FetchResult, Lane

MAX_TROUBLES = 5
MAX_REASON_CHARACTERS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PollResult:
    """How one stream's poll went; `reason` says why, where it is not ok.

    What could not be asked because its source did not answer is the stream `*`.
    """

    stream: Stream
    state: PollState
    reason: str = ""
    batches: int = 0
    rows: int = 0
    duplicates: int = 0


class PollTally:
    """The poll of one stream while it goes on.

    Attributes:
        problems: what went wrong, in sentences.
        pause_reason: why what is left waits for API calls; empty where nothing does.
    """

    def __init__(self, stream: Stream, cursor: Cursor | None = None, *, lane: Lane) -> None:
        self.stream = stream
        self.lane = lane
        self._cursor = cursor
        self.batches = 0
        self.rows = 0
        self.duplicates = 0
        self.problems: list[str] = []
        self.pause_reason = ""
        self._keeps_cursor = False

    @property
    def has_failed(self) -> bool:
        """Whether something has to be tried again."""
        return self._keeps_cursor

    def add_tally(self, other: PollTally) -> None:
        """Add what another one has counted, whose batches have moved no cursor."""
        self.batches += other.batches
        self.rows += other.rows
        self.duplicates += other.duplicates
        self.problems.extend(other.problems)

    def add_failure(self, reason: str) -> None:
        """Add a failure: the cursor stays, so that the next poll tries again."""
        self.problems.append(reason)
        self._keeps_cursor = True

    def repeats_cursor(self, result: FetchResult) -> bool:
        """Whether a result only brought what was read before, up to the cursor or not even there.

        Who stops there would begin with it again, and get no further.
        """
        if self._cursor is None or not isinstance(result, Batch):
            return False
        return isinstance(result.facts, WindowFacts) and result.cursor == self._cursor

    def place_batch(self, batch: Batch) -> Batch:
        """The batch, which moves the cursor only forward, and only if nothing before it failed."""
        is_older = self._cursor and batch.cursor and batch.cursor.time < self._cursor.time
        return replace(batch, cursor=None) if self._keeps_cursor or is_older else batch

    def build_result(self) -> PollResult:
        """How the poll went."""
        reasons = self.problems[:MAX_TROUBLES]
        omitted_count = len(self.problems) - len(reasons)
        if omitted_count:
            reasons.append(f"and {omitted_count:,} more")
        state = PollState.FAILED if self.problems else PollState.OK
        if self.pause_reason:
            reasons.append(self.pause_reason)
            state = PollState.FAILED if self.problems else PollState.PAUSED
        return PollResult(
            stream=self.stream,
            state=state,
            reason=escape_terminal("; ".join(reasons), MAX_REASON_CHARACTERS),
            batches=self.batches,
            rows=self.rows,
            duplicates=self.duplicates,
        )
