"""`collector alerts`: what was found."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from collector import clock
from collector.channels.terminal import Terminal
from collector.cli import explain
from collector.cli.common import (
    cells,
    colored,
    counted,
    print_json,
    print_table,
    say,
    shown,
    table,
    whole,
)
from collector.cli.options import (
    config_option,
    duration,
    json_option,
    load_settings,
    named_alert,
    reading,
)
from collector.model import OPEN, Alert, Message, Severity
from collector.store import alerts

SEVERITIES = click.Choice([str(severity) for severity in Severity], case_sensitive=False)


@click.group("alerts")
def command() -> None:
    """List alerts, show one, or explain it."""


@command.command("list")
@config_option
@json_option
@click.option("--since", callback=duration, metavar="24h", help="Only with events since then.")
@click.option("--min-severity", type=SEVERITIES, default="informational", show_default=True)
@click.option("--rule", help="Only of this rule.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many.")
@click.option("--all", "everything", is_flag=True, help="Also those that went on in another one.")
def listing(
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
    with reading(load_settings(config)) as connection:
        found = alerts.listing(
            connection,
            since=clock.now() - since if since is not None else None,
            min_severity=Severity.parse(min_severity),
            rule=rule,
            limit=limit,
            merged=everything,
        )
    print_alerts(found, as_json=as_json)


@command.command("show")
@config_option
@json_option
@click.argument("alert_id", metavar="ID")
def show(config: Path, *, as_json: bool, alert_id: str) -> None:
    """One alert in full. The first characters of its id are enough."""
    with reading(load_settings(config)) as connection:
        found = named_alert(connection, alert_id)
    if as_json:
        print_json(as_dict(found))
        return
    Terminal().send(Message(key=alert_id, alert=found, update=False, attempt=1))


command.add_command(explain.command)


def print_alerts(found: Sequence[Alert], *, as_json: bool) -> None:
    """Alerts as JSON lines, or as a table."""
    if as_json:
        for alert in found:
            print_json(as_dict(alert))
        return
    if not found:
        say("no alerts")
        return
    rows = table(whole("id"), whole("severity"), whole("last event"), "alert")
    for alert in found:
        newest = alert.last_time.strftime("%Y-%m-%d %H:%MZ")
        rows.add_row(*cells((alert.id[:8], colored(alert.severity), newest, _summary(alert))))
    print_table(rows)


def as_dict(alert: Alert) -> dict[str, Any]:
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


def _summary(alert: Alert) -> Text:
    """The title, and below it what it is about."""
    about = f"{alert.rule}, {counted(alert.count, 'event')}, {alert.org}"
    if alert.status != OPEN:
        about = f"{alert.status}: {about}"
    return Text.assemble(shown(alert.title), "\n", (shown(about), "dim"))
