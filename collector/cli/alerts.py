"""`collector alerts`: what was found."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from collector import clock
from collector.channels.terminal.sender import TerminalNotifier
from collector.cli import explain
from collector.cli.options import (
    config_option,
    find_alert,
    json_option,
    load_settings,
    open_state_view,
    parse_duration,
)
from collector.cli.output import (
    build_fixed_column,
    build_table,
    color_severity,
    format_count,
    print_json,
    print_line,
    print_table,
    to_cells,
    to_safe_text,
)
from collector.model import Alert, AlertStatus, Message, Severity
from collector.store import alerts

SEVERITY_CHOICE = click.Choice([str(severity) for severity in Severity], case_sensitive=False)


@click.group("alerts")
def command() -> None:
    """List alerts, show one, or explain it."""


@command.command("list")
@config_option
@json_option
@click.option(
    "--since", callback=parse_duration, metavar="24h", help="Only with events since then."
)
@click.option("--min-severity", type=SEVERITY_CHOICE, default="informational", show_default=True)
@click.option("--rule", help="Only of this rule.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many.")
@click.option("--all", "everything", is_flag=True, help="Also those that went on in another one.")
def list_alerts(
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
    with open_state_view(load_settings(config)) as connection:
        found = alerts.list_alerts(
            connection,
            since=clock.now() - since if since is not None else None,
            min_severity=Severity.parse(min_severity),
            rule=rule,
            limit=limit,
            include_merged=everything,
        )
    print_alerts(found, as_json=as_json)


@command.command("show")
@config_option
@json_option
@click.argument("alert_id", metavar="ID")
def show_alert(config: Path, *, as_json: bool, alert_id: str) -> None:
    """One alert in full. The first characters of its id are enough."""
    with open_state_view(load_settings(config)) as connection:
        found = find_alert(connection, alert_id)
    if as_json:
        print_json(to_alert_dict(found))
        return
    TerminalNotifier().send(Message(key=alert_id, alert=found, is_update=False, attempt=1))


command.add_command(explain.command)


def print_alerts(found: Sequence[Alert], *, as_json: bool) -> None:
    """Alerts as JSON lines, or as a table."""
    if as_json:
        for alert in found:
            print_json(to_alert_dict(alert))
        return
    if not found:
        print_line("no alerts")
        return
    rows = build_table(
        build_fixed_column("id"),
        build_fixed_column("severity"),
        build_fixed_column("last event"),
        "alert",
    )
    for alert in found:
        newest = alert.last_time.strftime("%Y-%m-%d %H:%MZ")
        rows.add_row(
            *to_cells(
                (alert.id[:8], color_severity(alert.severity), newest, _format_summary(alert))
            )
        )
    print_table(rows)


def to_alert_dict(alert: Alert) -> dict[str, Any]:
    """An alert as the JSON object that scripts read.

    `merged_into` and `reason` are there only where an alert is over and has them.
    """
    over = {"merged_into": alert.merged_into, "reason": alert.reason}
    return {
        "id": alert.id,
        "rule": alert.rule,
        "title": alert.title,
        "severity": alert.severity,
        "status": alert.status,
        "org": alert.org,
        "dedup": alert.key,
        "first_time": alert.first_time,
        "last_time": alert.last_time,
        "count": alert.count,
        "late_seconds": alert.late_seconds,
        "entities": alert.entities,
        "evidence": alert.evidence,
        "context": alert.context,
        "attack": alert.attack,
        "triage": alert.triage,
        "references": alert.references,
        "created": alert.created,
        "revision": alert.revision,
        **{name: value for name, value in over.items() if value},
    }


def _format_summary(alert: Alert) -> Text:
    """The title, and below it what it is about."""
    about = f"{alert.rule}, {format_count(alert.count, 'event')}, {alert.org}"
    if alert.status != AlertStatus.OPEN:
        about = f"{alert.status}: {about}"
    return Text.assemble(to_safe_text(alert.title), "\n", (to_safe_text(about), "dim"))
