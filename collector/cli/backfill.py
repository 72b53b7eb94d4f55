"""`collector backfill`: what was logged before collecting began."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from collector import clock, sources
from collector.assembly import Collector, assembled
from collector.backfill import KINDS, Backfill, Step
from collector.cli.options import config_option, duration, load_settings
from collector.errors import LoginRefused, Stopped
from collector.model import Stream
from collector.observe import configure
from collector.poll import Poller
from collector.settings import Settings, secrets_in
from collector.text import terminal


@click.command("backfill")
@config_option
@click.option(
    "--since",
    required=True,
    callback=duration,
    metavar="DURATION",
    help="How far to go back, such as 30d.",
)
@click.option("--quiet", is_flag=True, help="Store and detect without telling anybody.")
@click.option(
    "--source",
    "kinds",
    type=click.Choice(sorted(KINDS & sources.KINDS.keys())),
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
    configure(level="error", secrets=secrets_in(settings))
    with assembled(_without_channels(settings) if quiet else settings) as collector:
        signal.signal(signal.SIGTERM, lambda *_: collector.stop.set())
        signal.signal(signal.SIGINT, lambda *_: collector.stop.set())
        report = _Report()
        for poller in collector.pollers:
            with _problems_told(report, poller.org):
                _run(collector, poller, since, frozenset(kinds) or KINDS, report)
            for channel in collector.deliverer.channels:
                collector.deliverer.drain(channel)
    click.echo(f"{report.rows:,} events stored")
    for problem in report.problems:
        click.echo(terminal(f"failed: {problem}", 2_000), err=True)
    if report.problems:
        click.echo("what is missing is read by the same command, run again", err=True)
        raise click.exceptions.Exit(1)


def _without_channels(settings: Settings) -> Settings:
    """The same, with nobody to tell: alerts are kept, and no message is owed."""
    return settings.model_copy(update={"channels": {}, "routes": ()})


def _run(
    collector: Collector, poller: Poller, since: timedelta, kinds: frozenset[str], report: _Report
) -> None:
    backfill = Backfill(
        context=poller.context,
        pacing=poller.pacing,
        database=collector.database,
        pipeline=collector.pipeline,
        since=clock.now() - since,
        stop=collector.stop,
    )
    chosen = [source for source in poller.sources if source.kind in kinds]
    with _shown(Console(stderr=True, highlight=False)) as display:
        for step in backfill.run(chosen):
            report.add(step)
            display.show(step)


@contextmanager
def _problems_told(report: _Report, org: str) -> Iterator[None]:
    try:
        yield
    except LoginRefused as error:
        report.problems.append(f"{org}: {error}")
    except Stopped:
        report.problems.append(f"{org}: it was stopped")


class _Report:
    """What all of it came to."""

    def __init__(self) -> None:
        self.rows = 0
        self.problems: list[str] = []

    def add(self, step: Step) -> None:
        """Count a step."""
        self.rows += step.rows
        if step.problem:
            self.problems.append(f"{step.stream}: {step.problem}")


class _Bars:
    """A bar for each stream, for a person who looks on."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[Stream, TaskID] = {}

    def show(self, step: Step) -> None:
        """Show how far a stream is."""
        if step.stream not in self._tasks:
            name = terminal(str(step.stream), 80)
            self._tasks[step.stream] = self._progress.add_task(name, total=1.0, events=0)
        task = self._tasks[step.stream]
        events = self._progress.tasks[task].fields["events"] + step.rows
        self._progress.update(task, completed=step.done, events=events)


class _Lines:
    """A line for each tenth of a stream, where nobody looks on."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._told: dict[Stream, int] = {}
        self._events: dict[Stream, int] = {}

    def show(self, step: Step) -> None:
        """Say how far a stream is, when there is something new to say."""
        self._events[step.stream] = self._events.get(step.stream, 0) + step.rows
        tenths = int(step.done * 10)
        if self._told.get(step.stream, -1) >= tenths:
            return
        self._told[step.stream] = tenths
        share, events = f"{tenths * 10} %", f"{self._events[step.stream]:,} events"
        line = terminal(f"{step.stream}: {share}, {events}", 200)
        self._console.print(line, markup=False, soft_wrap=True)


@contextmanager
def _shown(console: Console) -> Iterator[_Bars | _Lines]:
    if not console.is_terminal:
        yield _Lines(console)
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
        yield _Bars(progress)
