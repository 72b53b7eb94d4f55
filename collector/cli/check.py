"""`collector check`: the preflight."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, redirect_stdout
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from rich.console import Console
from rich.text import Text

from collector import sources
from collector.assembly import build_channels, load_rules
from collector.cli.common import counted, print_json, shown, together
from collector.cli.options import config_option, json_option, read_config
from collector.doctor import Finding, examine_channel, examine_org
from collector.salesforce.client import Client
from collector.salesforce.vault import FOLDER, DiskVault, MemoryVault, Vault
from collector.settings import Org, RefreshTokenAuth, Settings

_STYLES = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "failed": ("✗", "bold red")}


@click.command("check")
@config_option
@json_option
@click.option("--send-test", is_flag=True, help="Send a test message to every channel.")
def command(config: Path, *, as_json: bool, send_test: bool) -> None:
    """Look at the configuration, the rules, each org with its sources, and the channels.

    Exit code 0 when all is fine or worth a warning only, 1 when something failed.
    """
    levels: set[str] = set()
    for _, about in groupby(_findings(config, send_test=send_test), key=_area):
        findings = list(about)
        levels.update(finding.level for finding in findings)
        if as_json:
            _print_json(findings)
        else:
            _print(findings)
    if "failed" in levels:
        raise click.exceptions.Exit(1)


def _findings(config: Path, *, send_test: bool) -> Iterator[Finding]:
    loaded = read_config(config, log_level="error")
    for warning in loaded.warnings:
        yield Finding(level="warning", subject="config", message=str(warning))
    yield Finding(level="ok", subject="config", message=f"{config} is good")
    rules = load_rules(loaded.settings.rules)
    good = f"{counted(len(rules.rules), 'rule')} loaded, nothing wrong"
    yield Finding(level="ok", subject="rules", message=good)
    yield from _orgs(loaded.settings)
    yield from _channels(loaded.settings, send_test=send_test)


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


def _channels(settings: Settings, *, send_test: bool) -> Iterator[Finding]:
    for name, channel in build_channels(settings).items():
        if not send_test:
            yield Finding(level="ok", subject=f"channels/{name}", message="not tried: --send-test")
            continue
        with redirect_stdout(sys.stderr):  # a terminal prints the message; stdout is for findings
            finding = examine_channel(name, channel)
        yield finding


def _area(finding: Finding) -> str:
    """What is shown together: the streams of one source of one org."""
    return finding.subject.rpartition("/")[0] if finding.subject.count("/") > 1 else finding.subject


def _print_json(findings: Iterable[Finding]) -> None:
    for finding in findings:
        print_json({"level": finding.level, "subject": finding.subject, "message": finding.message})


def _print(findings: Iterable[Finding]) -> None:
    """A line for each finding; streams of which the same is to be said share one."""
    console = Console(highlight=False)
    by_level: dict[str, list[Finding]] = {}
    for finding in findings:
        by_level.setdefault(finding.level, []).append(finding)
    for level, alike in by_level.items():
        area = _area(alike[0])
        said = [(finding.subject.removeprefix(f"{area}/"), finding.message) for finding in alike]
        mark = Text.assemble(_STYLES[level], " ")
        for names, message in together(said):
            console.print(mark + Text(shown(_line(area, names, message))), soft_wrap=True)


def _line(area: str, names: list[str], message: str) -> str:
    if names == [area]:
        return f"{area} — {message}"
    if len(names) == 1:
        return f"{area}/{names[0]} — {message}"
    return f"{area} — {len(names)} streams: {message} ({', '.join(names)})"
