"""A progress bar on stderr for work that turns out to be long, where a person is looking."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from collector.cli.output import to_safe_text

BAR_DELAY_SECONDS = 2.0
"""Seconds before the bar appears."""


class WorkProgress:
    """The bar of some work, and messages beside it."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def advance(self, amount: float) -> None:
        """Add to the part of the total that is done."""
        self._progress.advance(self._task, amount)

    def print_message(self, sentence: str) -> None:
        """Print a line to stderr, above the bar if there is one."""
        self._progress.console.print(Text(to_safe_text(sentence)), soft_wrap=True)


@contextmanager
def show_progress(
    description: str,
    *,
    total: float,
    console: Console | None = None,
    delay_seconds: float = BAR_DELAY_SECONDS,
) -> Iterator[WorkProgress]:
    """Show how far the work is, once it has taken longer than `delay_seconds`.

    On a console that is no terminal only messages appear.
    """
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        console=console or Console(stderr=True, highlight=False),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    progress.disable = not progress.console.is_terminal
    task = progress.add_task(description, total=total)
    timer = Timer(delay_seconds, progress.start)
    timer.start()
    try:
        yield WorkProgress(progress, task)
    finally:
        timer.cancel()
        timer.join()
        progress.stop()
