"""`collector org`: the embedded org alone, for development."""

from __future__ import annotations

import json

import click

from collector import clock
from collector.demo import EmbeddedOrg, build_scenario


@click.command("org")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0: any that is free.")
@click.option("--seed", type=int, default=7, show_default=True, help="Another seed, another day.")
def command(*, port: int, seed: int) -> None:
    """Serve a Salesforce org with a day of traffic on loopback, until Ctrl-C.

    Prints a configuration for it, which `collector run` takes as it is.
    """
    scenario = build_scenario(end=clock.now().replace(microsecond=0), seed=seed)
    with EmbeddedOrg(scenario.build_store(), port=port) as org:
        click.echo(json.dumps(_build_config(org), indent=2))
        click.echo(
            f"serving {sum(scenario.event_counts.values()):,} events; Ctrl-C ends it", err=True
        )
        try:
            while True:
                clock.wait(3600)
        except KeyboardInterrupt:
            click.echo("ended", err=True)


def _build_config(org: EmbeddedOrg) -> dict[str, object]:
    """A whole configuration; its secret is literal because the org is gone when this ends."""
    auth = {
        "flow": "client_credentials",
        "client_id": org.application.client_id,
        "client_secret": org.application.client_secret,
    }
    sources = {"event_log_file": {"settle": "0s", "lookback": "3d"}}
    return {
        "state_dir": "state",
        "orgs": [{"name": "acme", "login_url": org.base_url, "auth": auth, "sources": sources}],
        "channels": {"here": {"type": "terminal"}},
    }
