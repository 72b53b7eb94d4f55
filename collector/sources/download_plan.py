"""Which of the listed files are downloaded now, in which order, and as far as our calls allow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from collector.errors import BudgetExhaustedError
from collector.model import FetchHistory
from collector.sources import fetch_retries
from collector.sources.contract import FetchFailure, SourceContext
from collector.sources.log_file import ListedLogFile


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadPlan:
    """What becomes of the listed files that the ledger does not hold.

    Attributes:
        oldest: the one that was created first; None where there is none.
        due: those to ask for now, those that failed most often last: one that can never be read
            takes no download from one that can.
        early_ids: those of them that come before one that was created earlier.
        waiting: those that have failed too often to be asked for now, each with when it will be.
    """

    oldest: ListedLogFile | None
    due: tuple[ListedLogFile, ...]
    early_ids: frozenset[str]
    waiting: tuple[FetchFailure, ...]


def plan_downloads(
    files: Sequence[ListedLogFile], histories: Mapping[str, FetchHistory], now: datetime
) -> DownloadPlan:
    """The plan for files in the order of their creation; `histories` are by file id."""

    def count_failures(file: ListedLogFile) -> int:
        return histories[file.id].failures if file.id in histories else 0

    def is_waiting(file: ListedLogFile) -> bool:
        history = histories.get(file.id)
        return history is not None and not fetch_retries.is_attempt_due(history, now)

    waiting = [file for file in files if is_waiting(file)]
    due = sorted((file for file in files if not is_waiting(file)), key=count_failures)
    return DownloadPlan(
        oldest=files[0] if files else None,
        due=tuple(due),
        early_ids=_find_early_ids([*due, *waiting]),
        waiting=tuple(_build_waiting_failure(histories[file.id], now) for file in waiting),
    )


def _find_early_ids(files: Sequence[ListedLogFile]) -> frozenset[str]:
    """The files that come before one that was created earlier."""
    early_ids = set()
    oldest: datetime | None = None
    for file in reversed(files):
        if oldest is not None and oldest < file.created_date:
            early_ids.add(file.id)
            continue
        oldest = file.created_date
    return frozenset(early_ids)


def _build_waiting_failure(history: FetchHistory, now: datetime) -> FetchFailure:
    """A file that is not asked for now; without a key, as that is no failure that counts."""
    next_attempt = fetch_retries.compute_next_attempt(history, now)
    return FetchFailure(
        reason=f"{history.reason} (failed {history.failures:,} times; asked for again after"
        f" {next_attempt:%Y-%m-%d %H:%M} UTC)"
    )


class DownloadQueue:
    """The files in their order, as far as our share of API calls allows their downloads."""

    def __init__(self, context: SourceContext, files: Sequence[ListedLogFile]) -> None:
        self._context = context
        self._files = files
        self._pause_reason = ""
        self._left_count = 0

    def __iter__(self) -> Iterator[ListedLogFile]:
        for number, file in enumerate(self._files):
            self._pause_reason = self._context.explain_download_pause()
            if self._pause_reason:
                self._left_count = len(self._files) - number
                return
            yield file

    def check_end(self) -> None:
        """Raises BudgetExhaustedError where files are left over."""
        if self._pause_reason:
            raise BudgetExhaustedError(f"{self._left_count:,} files wait: {self._pause_reason}")
