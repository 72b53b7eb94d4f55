"""Killed in the middle of each kind of work: it ends as if nobody had killed it."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from collector import engine
from collector.archive import parquet_sql
from collector.demo import EmbeddedOrg, OrgLogFile, OrgStore
from collector.ingest.state_paths import StatePaths
from collector.store import alerts, ledger
from collector.store.database import open_database
from fakes.collector_setup import list_learning_rules
from fakes.pipeline_bench import build_login_row, render_elf_csv
from fakes.slack import run_slack_receiver

pytestmark = pytest.mark.slow

HOUR = timedelta(hours=1)
NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
START = NOW - 60 * HOUR
"""The files of the first day are there before collecting begins."""

FILES, ROWS, MANY_ROWS = 12, 40, 12_000
KILLS = 3
"""Kills of each kind of work, at most: one that has ended is left in peace."""

RULES = """\
title: Tool
id: 3c4e2a52-7a0e-4a39-9f59-3a1c5d2e0b01
name: tool
level: medium
logsource: {product: salesforce, service: Login}
detection: {tool: {user_agent|startswith: Tool}, condition: tool}
collector: {title: "tool of {user_name}", dedup: {key: [user_name], window: 1h}}
---
title: Tools
id: 3c4e2a52-7a0e-4a39-9f59-3a1c5d2e0b02
name: tools
level: high
correlation:
  type: event_count
  rules: [tool]
  group-by: [source_ip]
  timespan: 9h
  condition: {gte: 3}
  generate: true
---
title: New address
id: 3c4e2a52-7a0e-4a39-9f59-3a1c5d2e0b03
name: new-address
level: low
logsource: {product: salesforce, service: Login}
detection: {tool: {user_agent|startswith: Tool}, condition: tool}
collector: {title: "first of {source_ip}", first_seen: {key: [source_ip], learn: 6h}}
---
title: Many
id: 3c4e2a52-7a0e-4a39-9f59-3a1c5d2e0b04
name: many
level: low
logsource: {product: salesforce, service: Login}
detection: {any: {event_type: Login}, condition: any}
collector:
  title: "many of {user_id}"
  baseline: {metric: count, group_by: [user_id], window: 1h, cold_start: 3}
"""


def build_file(number, rows):
    """An hourly file: one login by a tool, and an address that was not there before."""
    hour = START + number * 4 * HOUR
    lines = [
        build_login_row(
            row,
            USER_NAME=f"user{number}-{row}@example.com",
            USER_ID=f"0050000000{row % 5:05}",
            SOURCE_IP=f"203.0.113.{number if row == 7 else 250}",
            TIMESTAMP_DERIVED=(hour + timedelta(seconds=row / 10)).strftime(
                "%Y-%m-%dT%H:%M:%S.000Z"
            ),
            BROWSER_TYPE="Tool/1.0" if row in (7, 8) else "Mozilla/5.0",
        )
        for row in range(rows)
    ]
    content = render_elf_csv(lines)
    if number == 3:
        content += b'"one","two"\n'  # A row that has too few fields.
    return OrgLogFile(
        id=f"0AT{number:012}AAA",
        event_type="Login",
        log_date=hour,
        created=hour + HOUR,
        sequence=1,
        content=content,
    )


@pytest.fixture(scope="module")
def org():
    store = OrgStore()
    store.add_files(
        [build_file(number, MANY_ROWS if number == 10 else ROWS) for number in range(FILES)]
    )
    with EmbeddedOrg(store) as served:
        yield served


def test_kills_of_every_kind_of_work_change_nothing(org, tmp_path):
    (tmp_path / "peace").mkdir()
    (tmp_path / "war").mkdir()
    with run_slack_receiver() as quiet, run_slack_receiver() as receiver:
        peace = configure(tmp_path / "peace", org, quiet.url)
        war = configure(tmp_path / "war", org, receiver.url)
        kills = 0
        for command in (["run", "--once"], ["backfill", "--since", "5d"], ["quarantine", "retry"]):
            began = time.monotonic()
            finished = run(command, peace)
            kills += kill_repeatedly(command, war, time.monotonic() - began)
            for ended in (finished, run(command, war)):
                # A pass that was killed may have told of the bad row already.
                assert ended.returncode in {0, 1}
                assert "Traceback" not in ended.stderr

    assert list_events(tmp_path / "peace") == list_events(tmp_path / "war")
    assert list_alerts(tmp_path / "peace") == list_alerts(tmp_path / "war") != []
    assert {"tool", "tools", "new-address"} <= {rule for rule, *_ in list_alerts(tmp_path / "war")}
    told, expected = count_messages(receiver), count_messages(quiet)
    assert expected.keys() == told.keys()
    repeats = (told - expected).total()
    marked = sum("possible repeat" in json.dumps(body) for body in receiver.bodies)
    assert repeats <= marked <= kills, "a repeat says that it may be one"
    assert kills >= KILLS


def configure(directory, org, webhook):
    (directory / "rules.yml").write_text(RULES)
    sources = {
        "stored_events": False,
        "setup_audit_trail": False,
        "login_history": False,
        "org_limits": False,
        "bulk_jobs": False,
        "directory": False,
        "oauth_tokens": False,
        "event_log_objects": False,
    }
    auth = {
        "flow": "client_credentials",
        "client_id": org.application.client_id,
        "client_secret": org.application.client_secret,
    }
    config = {
        "state_dir": "state",
        "orgs": [
            {
                "name": "acme",
                "login_url": org.base_url,
                "auth": auth,
                "sources": {"event_log_file": {"settle": "0s", "lookback": "30h"}, **sources},
            }
        ],
        "rules": {"paths": ["rules.yml"], "disable": ["collector-health", *list_learning_rules()]},
        "channels": {"chat": {"type": "slack", "webhook_url": webhook}},
    }
    path = directory / "collector.yaml"
    path.write_text(json.dumps(config))
    return path


def build_command(command, config):
    return [sys.executable, "-m", "collector", *command, "-c", str(config)]


def run(command, config):
    """The work to its end."""
    return subprocess.run(
        build_command(command, config),
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def kill_repeatedly(command, config, duration):
    """Kill the work at moments spread over the time that it takes; how often that was."""
    for number in range(KILLS):
        if has_ended(command, config, duration * (number + 1) / (KILLS + 1)):
            return number
    return KILLS


def has_ended(command, config, after):
    """Whether the work ends before it is killed."""
    process = subprocess.Popen(
        build_command(command, config), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        process.wait(timeout=after)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False
    return True


def list_events(directory):
    database = open_database(directory / "state")
    with database.read() as connection:
        committed = ledger.list_archive_files(connection)
    database.close()
    archive = StatePaths(state_dir=directory / "state").archive
    logins = [file for file in committed if file.event_type == "Login"]
    source = parquet_sql.build_relation(archive.locate_files(logins))
    with engine.open_engine() as connection:
        return connection.execute(
            f"SELECT event_uid, user_name FROM {source} ORDER BY 1"
        ).fetchall()


def list_alerts(directory):
    database = open_database(directory / "state")
    with database.read() as connection:
        found = sorted(
            (one.rule, one.key, one.id, one.count, one.title, one.first_time, one.last_time)
            for one in alerts.list_alerts(connection)
        )
    database.close()
    return found


def count_messages(receiver):
    return Counter(body["text"] for body in receiver.bodies)
