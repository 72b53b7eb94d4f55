"""An org that was polled once by a real process, for commands that look at what came of it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import structlog
from cli.processes import SECRET, run_collector, write_config

from collector import clock
from collector.demo import ConnectedApp, EmbeddedOrg, OrgBehaviour, OrgLogFile, OrgStore
from collector.demo.event_log import render_csv_line

AGENT = "Salesforce-CLI/1.0 \x1b[31m\u202e<b>=1+1"
PLAIN_AGENT = "Salesforce-CLI/1.0 [31m<b>=1+1"
"""The same without what nobody can see."""
"""An agent that alerts, in the words of somebody who knows terminals."""

MISSING_OBJECTS = frozenset(
    {"ApiAnomalyEventStore", "ApiEvent", "LoginEvent", "UniversalAnomalyEventStore"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolledOrg:
    """An org, the configuration that leads to it, and how its first pass ended."""

    org: EmbeddedOrg
    config: Path
    first_run: subprocess.CompletedProcess[str]


@pytest.fixture(autouse=True)
def _logs_of_nobody() -> Iterator[None]:
    """Commands send logs to the stderr of their process, which in a test is soon closed."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def polled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PolledOrg]:
    """Three logins, one by a tool that alerts, collected from an org that lacks some objects."""
    folder = tmp_path_factory.mktemp("polled")
    with build_org(_build_store()) as server:
        channels = {"here": {"type": "terminal"}}
        config = write_config(folder, server.base_url, channels=channels)
        first = run_collector("run", "--once", "-c", config, cwd=folder)
        yield PolledOrg(org=server, config=config, first_run=first)


def build_org(store: OrgStore) -> EmbeddedOrg:
    """An org whose secret the tests' environment holds."""
    application = ConnectedApp(client_secret=SECRET)
    return EmbeddedOrg(
        store, application=application, behaviour=OrgBehaviour(missing=MISSING_OBJECTS)
    )


def _build_store() -> OrgStore:
    now = clock.now().replace(microsecond=0)
    hour = now.replace(minute=0, second=0) - timedelta(hours=5)
    rows = [
        ("ada@acme.com", "Mozilla/5.0"),
        ("bob@acme.com", "Mozilla/5.0"),
        ("eve@acme.com", AGENT),
    ]
    columns = ["EVENT_TYPE", "TIMESTAMP_DERIVED", "USER_NAME", "BROWSER_TYPE", "SOURCE_IP"]
    logins = [["Login", _to_iso(hour), *row, "203.0.113.7"] for row in rows]
    store = OrgStore()
    store.add_files(
        [
            OrgLogFile(
                id="0AT5f00000AAAAAAAA",
                event_type="Login",
                log_date=hour,
                created=now - timedelta(hours=1),
                sequence=1,
                content="".join(map(render_csv_line, [columns, *logins])).encode(),
            )
        ]
    )
    return store


def _to_iso(moment) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
