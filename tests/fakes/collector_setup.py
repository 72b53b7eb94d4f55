"""A configuration for an embedded org, and what collecting from it has brought."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from collector import engine
from collector.app.configuration import read_configuration
from collector.app.wiring import Collector, open_collector
from collector.archive import parquet_sql
from collector.demo import EmbeddedOrg, OrgLogFile
from collector.ingest.state_paths import StatePaths
from collector.settings.shipped_files import find_shipped_folder
from collector.sources import SOURCES
from collector.store import ledger
from collector.store.database import open_database
from fakes.databases import open_sqlite_state
from fakes.pipeline_bench import build_login_row, render_elf_csv

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


QUICK_RULES = frozenset(
    {
        *("api-anomaly", "bulk-api-job", "bulk-job-removed", "cli-activity", "collector-health"),
        "package-or-app-installed",
    }
)


def list_learning_rules() -> list[str]:
    """The shipped rules but for a few that remember nothing: for tests of many processes.

    To load and to ask them takes each process longer than all that it is there for.
    """
    texts = (path.read_text() for path in find_shipped_folder("rules").glob("*/*.yml"))
    names = (name for text in texts for name in re.findall(r"^name: (\S+)$", text, re.MULTILINE))
    return sorted({*names} - QUICK_RULES)


def write_config(
    directory: Path,
    org: EmbeddedOrg,
    *,
    channels: Mapping[str, Any] | None = None,
    rules: Mapping[str, Any] | None = None,
    **chosen: Any,
) -> Path:
    """A configuration file; sources that are not chosen are off."""
    (directory / "client_secret").write_text(org.application.client_secret)
    config = {
        "state_dir": str(directory / "state"),
        "orgs": [
            {
                "name": "acme",
                "login_url": org.base_url,
                "auth": {
                    "flow": "client_credentials",
                    "client_id": org.application.client_id,
                    "client_secret": "${file:client_secret}",
                },
                "sources": {spec.kind: False for spec in SOURCES} | chosen,
            }
        ],
        "channels": dict(channels or {}),
        "rules": dict(rules or {}),
    }
    path = directory / "collector.yaml"
    path.write_text(json.dumps(config))
    return path


@contextmanager
def open_test_collector(config: Path) -> Iterator[Collector]:
    """The collector of a configuration file."""
    settings = read_configuration(config, {}).settings
    StatePaths(state_dir=settings.state_dir).create_folders()
    open_sqlite_state(settings.state_dir).close()
    with open_collector(settings) as collector:
        yield collector


def poll_sources(collector: Collector) -> list[Any]:
    """One pass over all sources."""
    return [
        polled
        for poller in collector.pollers
        for source in poller.sources
        for polled in poller.poll_source(source)
    ]


def list_stored_values(directory: Path, column: str = "user_name") -> list[str]:
    """A column of all committed events, sorted."""
    places = StatePaths(state_dir=directory / "state")
    database = open_database(places.state_dir)
    with database.read() as connection:
        files = ledger.list_archive_files(connection)
    database.close()
    if not files:
        return []
    source = parquet_sql.build_relation(places.archive.locate_files(files))
    connection = engine.open_engine()
    try:
        rows = connection.execute(f"SELECT {column} FROM {source} ORDER BY 1").fetchall()
    finally:
        connection.close()
    return [value for (value,) in rows]


def build_log_file(
    number: int,
    hour: datetime,
    *,
    rows: int = 3,
    sequence: int = 1,
    event_type: str = "Login",
    created: datetime | None = None,
    agent: str = "Mozilla/5.0",
) -> OrgLogFile:
    """An hourly file (daily with sequence 0) of logins, each with a user name of its own."""
    content = [
        build_login_row(
            row,
            EVENT_TYPE=event_type,
            USER_NAME=f"user{number:04}-{row:03}@example.com",
            USER_ID=f"0050000000{number:05}",
            BROWSER_TYPE=agent,
            TIMESTAMP_DERIVED=(hour + timedelta(seconds=row)).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        )
        for row in range(rows)
    ]
    return OrgLogFile(
        id=f"0AT{number:012}AAA",
        event_type=event_type,
        log_date=hour,
        created=created or hour + 4 * HOUR,
        sequence=sequence,
        content=render_elf_csv(content),
    )


def build_login_rows(start: datetime, count: int, every: timedelta) -> list[dict[str, Any]]:
    """Records of LoginHistory."""
    return [
        {
            "Id": f"0Ya{number:012}AAA",
            "UserId": f"0050000000{number % 7:05}AAA",
            "LoginTime": start + number * every,
            "SourceIp": "203.0.113.7",
            "Status": "Success",
            "Application": "Browser",
        }
        for number in range(count)
    ]
