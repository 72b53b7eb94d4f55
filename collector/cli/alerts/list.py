"""`collector alerts list`: the alerts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import click
from rich.text import Text

from collector import clock
from collector.api.alerts import read_alerts, to_json
from collector.cli.options import config_option, json_option, load_settings, parse_duration
from collector.cli.output import (
    add_row,
    build_fixed_column,
    build_table,
    color_severity,
    format_count,
    print_json_lines,
    print_line,
    print_stderr,
    print_table,
    to_safe_text,
)
from collector.model import Alert, AlertStatus, Severity

TABLE_ALERTS = 200
"""So many of them a table shows where nobody says how many: it is for people."""

SEVERITY_CHOICE = click.Choice([str(severity) for severity in Severity], case_sensitive=False)


@click.command("list")
@config_option
@json_option
@click.option(
    "--since", callback=parse_duration, metavar="24h", help="Only with events since then."
)
@click.option("--min-severity", type=SEVERITY_CHOICE, default="informational", show_default=True)
@click.option("--rule", help="Only of this rule.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    help=f"At most so many; {TABLE_ALERTS} in a table, with --json all.",
)
@click.option("--all", "everything", is_flag=True, help="Also those that went on in another one.")
def command(
    config: Path,
    *,
    as_json: bool,
    since: timedelta | None,
    min_severity: str,
    rule: str | None,
    limit: int | None,
    everything: bool,
) -> None:
    """The alerts, the newest event first."""
    most = limit or (None if as_json else TABLE_ALERTS)
    alerts = read_alerts(
        load_settings(config),
        since=clock.now() - since if since is not None else None,
        min_severity=Severity.parse(min_severity),
        rule=rule,
        limit=most and most + 1,
        include_merged=everything,
    )
    print_alerts(alerts[:most], as_json=as_json)
    if limit is None and most is not None and len(alerts) > most:
        print_stderr(f"only the newest {most:,} alerts: see --limit and --since")


def print_alerts(alerts: Sequence[Alert], *, as_json: bool) -> None:
    """Print alerts as JSON lines, or as a table."""
    if as_json:
        print_json_lines(map(to_json, alerts))
        return
    if not alerts:
        print_line("no alerts")
        return
    table = build_table(
        build_fixed_column("id"),
        build_fixed_column("severity"),
        build_fixed_column("last event"),
        "alert",
    )
    for alert in alerts:
        newest = _format_last_time(alert)
        add_row(table, alert.id[:8], color_severity(alert.severity), newest, _format_summary(alert))
    print_table(table)


def _format_last_time(alert: Alert) -> str:
    """When the last event was; not what stands for it where that is not known."""
    if alert.evidence and alert.evidence[-1].get("time_defect"):
        return "time unknown"
    return alert.last_time.strftime("%Y-%m-%d %H:%MZ")


def _format_summary(alert: Alert) -> Text:
    """The title, and below it rule, count and org."""
    details = f"{alert.rule}, {format_count(alert.count, 'event')}, {alert.org}"
    if alert.status != AlertStatus.OPEN:
        details = f"{alert.status}: {details}"
    return Text.assemble(to_safe_text(alert.title), "\n", (to_safe_text(details), "dim"))
