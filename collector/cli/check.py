"""`collector check`: the preflight."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from rich.console import Console
from rich.text import Text

from collector import sources
from collector.assembly import build_channels, load_rules
from collector.cli.common import (
    cells,
    config_option,
    json_option,
    print_json,
)
from collector.doctor import Finding, examine_channel, examine_org
from collector.observe import configure
from collector.salesforce.client import Client
from collector.salesforce.vault import FOLDER, DiskVault, MemoryVault, Vault
from collector.settings import Org, RefreshTokenAuth, Settings, load, secrets_in

_STYLES = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "failed": ("✗", "bold red")}


@click.command("check")
@config_option
@json_option
@click.option("--send-test", is_flag=True, help="Send a test message to every channel.")
def command(config: Path, *, as_json: bool, send_test: bool) -> None:
    """Look at the configuration, the rules, each org with its sources, and the channels.

    Exit code 0 when all is fine or worth a warning only, 1 when something failed.
    """
    failed = False
    for finding in _findings(config, send_test=send_test):
        failed = failed or finding.level == "failed"
        _print(finding, as_json=as_json)
    if failed:
        raise click.exceptions.Exit(1)


def _findings(config: Path, *, send_test: bool) -> Iterator[Finding]:

    loaded = load(config, os.environ)
    configure(level="error", secrets=secrets_in(loaded.settings))
    for warning in loaded.warnings:
        yield Finding(level="warning", subject="config", message=str(warning))
    yield Finding(level="ok", subject="config", message=f"{config} is good")
    rules = load_rules(loaded.settings.rules)
    yield Finding(level="ok", subject="rules", message=f"{len(rules.rules)} rules are good")
    yield from _orgs(loaded.settings)
    for name, channel in build_channels(loaded.settings).items():
        if send_test:
            yield examine_channel(name, channel)
        else:
            yield Finding(level="ok", subject=f"channels/{name}", message="not tried: --send-test")


def _orgs(settings: Settings) -> Iterator[Finding]:

    for org in settings.orgs:
        vault = _vault(org, settings.state_dir)
        with (
            closing(Client(org, stop=threading.Event(), vault=vault)) as client,
            TemporaryDirectory() as spool,
        ):
            context = sources.Context(
                org=org.name,
                client=client,
                catalog=sources.Catalog(client),
                spool=Path(spool),
                known=lambda _keys: frozenset(),
                newest=lambda _stream: None,
            )
            yield from examine_org(context, list(sources.build(org.sources)))


def _vault(org: Org, state_dir: Path) -> Vault:
    """Where the daemon remembers its logins, if whoever runs this may write there.

    A refresh token that the org replaces has to get there in any case.
    """
    if os.access(state_dir, os.W_OK) or isinstance(org.auth, RefreshTokenAuth):
        return DiskVault(state_dir / FOLDER)
    return MemoryVault()


def _print(finding: Finding, *, as_json: bool) -> None:
    if as_json:
        print_json({"level": finding.level, "subject": finding.subject, "message": finding.message})
        return

    mark, style = _STYLES[finding.level]
    subject, message = cells((finding.subject, finding.message))
    Console(soft_wrap=True).print(Text(mark, style=style), subject, Text("—"), message)
