"""`collector demo`: the whole path on an embedded org, with attacks to find."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import click
from rich.box import SIMPLE_HEAD
from rich.columns import Columns
from rich.console import Console, Group
from rich.panel import Panel
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from collector import clock
from collector.api.alerts import list_alerts
from collector.api.status import count_stored_events
from collector.app import daemon
from collector.app.configuration import read_configuration
from collector.app.wiring import Collector, open_collector
from collector.channels.preview import FileNotifier
from collector.cli.output import color_severity, quiet_logs, to_cells
from collector.demo import DemoScenario, EmbeddedOrg, build_scenario
from collector.model import Alert, PollState
from collector.settings import Settings

ORG_NAME = "acme"


@click.command("demo")
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the state and the rendered messages go; a new temporary folder by default.",
)
@click.option("--serve", is_flag=True, help="Keep the org and the daemon running afterwards.")
def command(*, output: Path | None, serve: bool) -> None:
    """See it work, without a configuration and without a network.

    An embedded Salesforce org serves a day of a company of some hundred users, with the attacks of
    four published detections in it. All of it is collected, examined and told, as in earnest; the
    rendered Slack messages and mails are left as files.
    """
    quiet_logs()
    output = output or Path(mkdtemp(prefix="collector-demo-"))
    output.mkdir(parents=True, exist_ok=True)
    console = Console(highlight=False)
    start = time.perf_counter()
    with _show_step(console, "Making up an ordinary day of a company, and four attacks"):
        scenario = build_scenario(end=clock.now().replace(microsecond=0))
    with EmbeddedOrg(scenario.build_store()) as org:
        settings = _write_settings(org, output)
        messages = output / "messages"
        with open_collector(
            settings, extra_channels={"files": FileNotifier(directory=messages)}
        ) as collector:
            problems = _collect_events(console, collector, scenario)
            alerts, event_counts = _read_results(collector)
            seconds = time.perf_counter() - start
            console.print(_render_summary(scenario, alerts, event_counts, seconds, output))
            if serve:
                _serve_org(console, org, collector, output)
    _exit_on_failure(scenario, alerts, problems)


def _collect_events(
    console: Console, collector: Collector, scenario: DemoScenario
) -> Sequence[str]:
    """One pass, as `collector run --once` makes it, with its progress shown."""
    (poller,) = collector.pollers
    progress = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} events"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )
    with progress:
        task = progress.add_task("Collecting", total=sum(scenario.event_counts.values()))
        problems: list[str] = []
        for source in poller.sources:
            progress.update(task, description=f"Collecting {source.kind}")
            for result in poller.poll_source(source):
                progress.advance(task, result.rows)
                if result.state == PollState.FAILED:
                    problems.append(f"{result.stream}: {result.reason}")
        progress.update(task, description="Delivering alerts")
        collector.pipeline.settle_directory()
        collector.deliverer.drain_channels()
    return problems


def _read_results(collector: Collector) -> tuple[list[Alert], Mapping[str, int]]:
    with collector.database.read() as connection:
        alerts, event_counts = list_alerts(connection), count_stored_events(connection)
    return sorted(alerts, key=lambda alert: (-alert.severity, alert.first_time)), event_counts


def _render_summary(
    scenario: DemoScenario,
    alerts: Sequence[Alert],
    event_counts: Mapping[str, int],
    seconds: float,
    output: Path,
) -> Group:
    events = sum(event_counts.values())
    head = Text.assemble(
        (f"{events:,} events", "bold"),
        f" of {len(event_counts)} types collected, ",
        (f"{len(alerts)} alerts", "bold"),
        f" in {seconds:.1f} s",
    )
    return Group(
        "",
        Panel(head, title="A day at Acme", title_align="left", border_style="green", expand=False),
        _render_event_counts(event_counts),
        _render_alerts(scenario, alerts),
        Text(_format_score(scenario, alerts, events)),
        "",
        _render_next_steps(output, alerts),
    )


def _render_event_counts(event_counts: Mapping[str, int]) -> Columns:
    items = [
        Text.assemble((f"{count:>7,}", "cyan"), f" {name}")
        for name, count in sorted(event_counts.items(), key=lambda item: -item[1])
    ]
    return Columns(items, column_first=True, padding=(0, 3), title="What was collected")


def _render_alerts(scenario: DemoScenario, alerts: Sequence[Alert]) -> Table:
    """Each alert with what was scripted to cause it."""
    stories: dict[tuple[str, str], list[str]] = {}
    for expected in scenario.expected_alerts:
        stories.setdefault((expected.rule, str(expected.severity)), []).append(expected.story)
    table = Table(box=SIMPLE_HEAD, title="What was found, and what had happened", pad_edge=False)
    table.add_column("severity")
    table.add_column("alert", overflow="fold")
    table.add_column("when", no_wrap=True)
    for alert in alerts:
        causes = stories.get((alert.rule, str(alert.severity)))
        cause = causes.pop(0) if causes else "nothing was scripted here"
        title, story = to_cells((alert.title, cause))
        story.stylize("dim")
        when = alert.first_time.strftime("%a %H:%M")
        table.add_row(color_severity(alert.severity), Text.assemble(title, "\n", story), when)
    return table


def _format_score(scenario: DemoScenario, alerts: Sequence[Alert], events: int) -> str:
    missed, surplus = _compare_alerts(scenario, alerts)
    if not missed and not surplus:
        return (
            f"Exactly the {len(scenario.expected_alerts)} alerts that were scripted,"
            f" and no other among {events:,} events."
        )
    return f"Missed: {missed or 'none'}. Not expected: {surplus or 'none'}."


def _compare_alerts(
    scenario: DemoScenario, alerts: Sequence[Alert]
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    expected = Counter((alert.rule, str(alert.severity)) for alert in scenario.expected_alerts)
    raised = Counter((alert.rule, str(alert.severity)) for alert in alerts)
    return list((expected - raised).elements()), list((raised - expected).elements())


def _render_next_steps(output: Path, alerts: Sequence[Alert]) -> Table:
    config = output / "collector.yaml"
    grid = Table.grid(padding=(0, 2))
    first = alerts[0].id[:8] if alerts else "ID"
    for label, value in (
        ("Slack and e-mail, as sent", f"{output / 'messages'}"),
        ("One alert in full", f"collector alerts show {first} -c {config}"),
        (
            "Ask the archive",
            f'collector hunt -c {config} "SELECT user_name, count(*) FROM Login GROUP BY 1"',
        ),
        ("Your own org", "collector.example.yaml, then: collector check, collector run"),
    ):
        grid.add_row(Text(label, style="dim"), Text(value, overflow="fold"))
    return grid


def _serve_org(console: Console, org: EmbeddedOrg, collector: Collector, output: Path) -> None:
    console.print(f"\nThe org serves at {org.base_url}; the daemon polls it. Ctrl-C ends both.")
    console.print(f"In another terminal: collector status -c {output / 'collector.yaml'}")
    daemon.run_forever(collector)


def _write_settings(org: EmbeddedOrg, output: Path) -> Settings:
    """A configuration as a user would write it; other commands can be tried on the state."""
    secret = output / "client_secret"
    secret.touch(mode=0o600)
    secret.write_text(org.application.client_secret)
    sources = {
        "event_log_file": {"settle": "0s", "lookback": "3d"},
        "stored_events": {"lookback": "3d"},
        "setup_audit_trail": {"lookback": "3d"},
        "login_history": {"lookback": "3d"},
        "bulk_jobs": {"lookback": "3d"},
    }
    config = {
        "state_dir": "state",
        "orgs": [
            {
                "name": ORG_NAME,
                "login_url": org.base_url,
                "auth": {
                    "flow": "client_credentials",
                    "client_id": org.application.client_id,
                    "client_secret": "${file:client_secret}",
                },
                "sources": sources,
            }
        ],
    }
    path = output / "collector.yaml"
    path.write_text(json.dumps(config, indent=2) + "\n")
    return read_configuration(path, {}).settings


@contextmanager
def _show_step(console: Console, description: str) -> Iterator[None]:
    with console.status(description):
        yield


def _exit_on_failure(
    scenario: DemoScenario, alerts: Sequence[Alert], problems: Sequence[str]
) -> None:
    """Exit with 1 unless exactly the scripted attacks were found and nothing failed."""
    for problem in problems:
        click.echo(f"failed: {problem}", err=True)
    if problems or any(_compare_alerts(scenario, alerts)):
        raise click.exceptions.Exit(1)
