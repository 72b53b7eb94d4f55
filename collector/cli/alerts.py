"""`collector alerts`: what was found."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from collector import clock
from collector.assembly import database_of
from collector.channels.terminal import Terminal
from collector.cli.common import (
    cells,
    colored,
    config_option,
    json_option,
    load_settings,
    moment,
    print_json,
    print_table,
    table,
)
from collector.model import Alert, Message, Severity
from collector.store import alerts

SEVERITIES = click.Choice([str(severity) for severity in Severity])


@click.group("alerts")
def command() -> None:
    """List alerts, or show one."""


@command.command("list")
@config_option
@json_option
@click.option("--since", type=click.IntRange(min=1), help="Only of the last so many hours.")
@click.option("--min-severity", type=SEVERITIES, default="informational", show_default=True)
@click.option("--rule", help="Only of this rule.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many.")
def listing(
    config: Path,
    *,
    as_json: bool,
    since: int | None,
    min_severity: str,
    rule: str | None,
    limit: int | None,
) -> None:
    """All alerts, the newest event first."""
    database = database_of(load_settings(config))
    with database.read() as connection:
        found = alerts.listing(
            connection,
            since=clock.now() - timedelta(hours=since) if since else None,
            min_severity=Severity.parse(min_severity),
            rule=rule,
            limit=limit,
        )
    show(found, as_json=as_json)


@command.command("show")
@config_option
@json_option
@click.argument("alert_id")
def show_one(config: Path, *, as_json: bool, alert_id: str) -> None:
    """One alert in full. The first characters of its id are enough."""
    with database_of(load_settings(config)).read() as connection:
        found = alerts.starting_with(connection, alert_id)
    if len(found) != 1:
        raise click.ClickException(
            f"no alert has an id that begins with {alert_id!r}"
            if not found
            else f"{len(found)} alerts have ids that begin with {alert_id!r}: give more of it"
        )
    if as_json:
        print_json(as_dict(found[0]))
        return
    Terminal().send(Message(key=alert_id, alert=found[0], update=False, attempt=1))


def show(found: Sequence[Alert], *, as_json: bool) -> None:
    """Alerts as JSON lines, or as a table."""
    if as_json:
        for alert in found:
            print_json(as_dict(alert))
        return
    if not found:
        click.echo("no alerts")
        return
    rows = table("id", "severity", "title", "rule", "events", "last event", "org")
    for alert in found:
        values = (alert.id[:8], colored(alert.severity), alert.title, alert.rule)
        rows.add_row(*cells((*values, f"{alert.count:,}", moment(alert.last_time), alert.org)))
    print_table(rows)


def as_dict(alert: Alert) -> dict[str, Any]:
    """An alert as the JSON object that scripts read (README, "An alert")."""
    return {
        "id": alert.id,
        "rule": alert.rule,
        "title": alert.title,
        "severity": str(alert.severity),
        "status": alert.status,
        "org": alert.org,
        "first_time": alert.first_time,
        "last_time": alert.last_time,
        "count": alert.count,
        "late_seconds": alert.late_seconds,
        "entities": dict(alert.entities),
        "evidence": [dict(event) for event in alert.evidence],
        "attack": list(alert.attack),
        "triage": alert.triage,
        "references": list(alert.references),
        "created": alert.created,
        "revision": alert.revision,
    }
