"""`collector backfill`: what was logged before collecting began."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from collector import clock
from collector.app.wiring import Collector, open_collector
from collector.cli.options import config_option, load_settings, parse_duration
from collector.collection.backfill import Backfill, BackfillProgress
from collector.collection.poller import Poller
from collector.errors import LoginRefusedError, StoppedError
from collector.escaping import escape_terminal
from collector.logs import configure_logging
from collector.model import Stream
from collector.settings import Settings, list_secrets
from collector.sources import SOURCES
from collector.stop_signals import set_on_stop_signal


@click.command("backfill")
@config_option
@click.option(
    "--since",
    required=True,
    callback=parse_duration,
    metavar="DURATION",
    help="How far to go back, such as 30d.",
)
@click.option("--quiet", is_flag=True, help="Store and detect without telling anybody.")
@click.option(
    "--source",
    "kinds",
    type=click.Choice(sorted(spec.kind for spec in SOURCES if spec.backfillable)),
    multiple=True,
    help="Only this source; may be repeated. Default: all that have a past to read.",
)
def command(config: Path, *, since: timedelta, quiet: bool, kinds: tuple[str, ...]) -> None:
    """Read what was logged before collecting began, older to newer.

    Nothing is read twice: not what the daemon has collected, not what an earlier backfill has, also
    one that was killed. The daemon must not run meanwhile. Exit code 0 when all of it was read, 1
    when the same command has something left to do.
    """
    settings = load_settings(config)
    _check_kept(settings, since)
    configure_logging(level="error", secrets=list_secrets(settings))
    with (
        open_collector(_remove_channels(settings) if quiet else settings) as collector,
        set_on_stop_signal(collector.stop_event),
    ):
        summary = _BackfillSummary()
        for poller in collector.pollers:
            with _collect_problems(summary, poller.org):
                _run_backfill(collector, poller, since, kinds, summary)
            collector.deliverer.drain_channels()
    click.echo(f"{summary.row_count:,} events stored")
    for problem in summary.problems:
        click.echo(escape_terminal(f"failed: {problem}", 2_000), err=True)
    if summary.problems:
        click.echo("what is missing is read by the same command, run again", err=True)
        raise click.exceptions.Exit(1)


def _check_kept(settings: Settings, since: timedelta) -> None:
    """Refuse to read what would be removed at once, and told again if it is read again."""
    longest = settings.archive.longest_time
    if since > longest:
        raise click.UsageError(
            f"--since {since.days}d reaches beyond what is kept: raise `archive: {{retention}}` in"
            f" the configuration, or ask for {longest.days}d at most"
        )


def _remove_channels(settings: Settings) -> Settings:
    """The same without channels: alerts are stored, and no message is enqueued."""
    return settings.model_copy(update={"channels": {}, "routes": ()})


def _run_backfill(
    collector: Collector,
    poller: Poller,
    since: timedelta,
    kinds: Sequence[str],
    summary: _BackfillSummary,
) -> None:
    backfill = Backfill(
        context=poller.context,
        api_budget=poller.api_budget,
        database=collector.database,
        pipeline=collector.pipeline,
        since=clock.now() - since,
        stop_event=collector.stop_event,
        disk_reserve_bytes=collector.settings.disk_reserve,
    )
    sources = [source for source in poller.sources if not kinds or source.kind in kinds]
    with _open_display(Console(stderr=True, highlight=False)) as display:
        for step in backfill.run(sources):
            summary.add_step(step)
            display.show_step(step)


@contextmanager
def _collect_problems(summary: _BackfillSummary, org: str) -> Iterator[None]:
    try:
        yield
    except LoginRefusedError as error:
        summary.problems.append(f"{org}: {error}")
    except StoppedError:
        summary.problems.append(f"{org}: it was stopped")


class _BackfillSummary:
    """The sums over all steps."""

    def __init__(self) -> None:
        self.row_count = 0
        self.problems: list[str] = []

    def add_step(self, step: BackfillProgress) -> None:
        self.row_count += step.rows
        if step.problem:
            self.problems.append(f"{step.stream}: {step.problem}")


class _ProgressBars:
    """A bar for each stream, on a terminal."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[Stream, TaskID] = {}

    def show_step(self, step: BackfillProgress) -> None:
        if step.stream not in self._tasks:
            name = escape_terminal(str(step.stream), 80)
            self._tasks[step.stream] = self._progress.add_task(name, total=1.0, events=0)
        task = self._tasks[step.stream]
        events = self._progress.tasks[task].fields["events"] + step.rows
        self._progress.update(task, completed=step.fraction_read, events=events)


class _ProgressLines:
    """A line for each tenth of a stream, where there is no terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._printed_tenths: dict[Stream, int] = {}
        self._event_counts: dict[Stream, int] = {}

    def show_step(self, step: BackfillProgress) -> None:
        """Print how far a stream is, after each tenth of it."""
        self._event_counts[step.stream] = self._event_counts.get(step.stream, 0) + step.rows
        tenths = int(step.fraction_read * 10)
        if self._printed_tenths.get(step.stream, -1) >= tenths:
            return
        self._printed_tenths[step.stream] = tenths
        share, events = f"{tenths * 10} %", f"{self._event_counts[step.stream]:,} events"
        line = escape_terminal(f"{step.stream}: {share}, {events}", 200)
        self._console.print(line, markup=False, soft_wrap=True)


@contextmanager
def _open_display(console: Console) -> Iterator[_ProgressBars | _ProgressLines]:
    if not console.is_terminal:
        yield _ProgressLines(console)
        return
    progress = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[events]:,} events"),
        TimeElapsedColumn(),
        console=console,
    )
    with progress:
        yield _ProgressBars(progress)
