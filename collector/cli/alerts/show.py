"""`collector alerts show`: one alert in full."""

from __future__ import annotations

from pathlib import Path

import click

from collector.api.alerts import read_alert_history, to_history_json
from collector.channels.terminal.sender import TerminalNotifier
from collector.cli.deliveries import print_told
from collector.cli.options import config_option, json_option, load_settings
from collector.cli.output import print_json
from collector.model import Message


@click.command("show")
@config_option
@json_option
@click.argument("alert_id", metavar="ID")
def command(config: Path, *, as_json: bool, alert_id: str) -> None:
    """One alert in full. The first characters of its id are enough."""
    history = read_alert_history(load_settings(config), alert_id)
    if as_json:
        print_json(to_history_json(history))
        return
    TerminalNotifier().send(Message(key=alert_id, alert=history.alert, is_update=False, attempt=1))
    print_told(history.deliveries)
