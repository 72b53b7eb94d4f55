"""The daemon tells what has not come: once its hour was read, and once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest

from collector.demo import EmbeddedOrg, OrgBehaviour, OrgLogFile, OrgStore
from fakes.absence_rules import FAILED_AND_EXPORT
from fakes.pipeline_bench import build_bulk_row, build_login_row, render_elf_csv
from fakes.slack import run_slack_receiver

pytestmark = pytest.mark.slow

HOUR = timedelta(hours=1)
START = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - 6 * HOUR
RULES = (
    FAILED_AND_EXPORT
    + """---
title: A failed login and then no export
id: 00000000-0000-4000-8000-000000000003
name: given-up
level: high
correlation:
  type: temporal_ordered
  rules: [failed, export]
  group-by: [user_id]
  timespan: 30m
  condition: failed and not export
collector: {title: "{user_id} gave up"}
"""
)


def at(minutes):
    return f"{START + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%S}.000Z"


def fail(minutes, user):
    return build_login_row(
        TIMESTAMP_DERIVED=at(minutes),
        USER_ID=user,
        LOGIN_STATUS="LOGIN_ERROR_INVALID_PASSWORD",
        BROWSER_TYPE="Mozilla/5.0",
    )


def log_file(number, hours, event_type, *rows):
    return OrgLogFile(
        id=f"0AT{number:012}AAA",
        event_type=event_type,
        log_date=START + hours * HOUR,
        created=START + (hours + 1) * HOUR + number * timedelta(seconds=1),
        sequence=1,
        content=render_elf_csv(rows),
    )


@pytest.fixture
def org():
    store = OrgStore()
    rows = [fail(10, "005000000000001"), fail(20, "005000000000002"), fail(50, "005000000000003")]
    store.add_files([log_file(1, 0, "Login", *rows)])
    with EmbeddedOrg(store, behaviour=OrgBehaviour(daily_call_limit=10_000_000)) as served:
        yield served


@pytest.fixture
def run(org, tmp_path):
    """Run the daemon with a configuration that reads log files alone."""

    def start(receiver):
        rules = tmp_path / "rules.yml"
        rules.write_text(RULES, encoding="utf-8")
        auth = {
            "flow": "client_credentials",
            "client_id": org.application.client_id,
            "client_secret": "${env:SF_SECRET}",
        }
        kinds = ("stored_events", "setup_audit_trail", "login_history", "bulk_jobs")
        sources = dict.fromkeys(kinds, False)
        sources |= {"event_log_file": {"every": "1s", "settle": "0s"}}
        settings = {
            "state_dir": str(tmp_path / "state"),
            "orgs": [{"name": "acme", "login_url": org.base_url, "auth": auth, "sources": sources}],
            "channels": {"chat": {"type": "slack", "webhook_url": "${env:WEBHOOK}"}},
            "rules": {"paths": [str(rules)]},
        }
        config = tmp_path / "collector.yaml"
        config.write_text(json.dumps(settings))
        secrets = {"SF_SECRET": org.application.client_secret, "WEBHOOK": receiver.url}
        return subprocess.Popen(
            [sys.executable, "-m", "collector", "run", "-c", str(config)],
            env={**os.environ, **secrets},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def told(receiver):
    """The last digits of the users of whom it is told, as often as it is."""
    texts = [json.dumps(body) for body in receiver.bodies]
    return sorted(user for user in "1239" for text in texts if f"00{user}AAA gave up" in text)


def wait_for(receiver, users):
    deadline = time.monotonic() + 60
    while told(receiver) != users and time.monotonic() < deadline:
        time.sleep(0.1)
    assert told(receiver) == users


def test_it_is_told_once_its_hour_was_read(org, run):
    with run_slack_receiver() as receiver:
        process = run(receiver)
        # Of the windows of the first hour that end within it.
        wait_for(receiver, ["1", "2"])

        export = build_bulk_row(
            "750000000000001AAA", 5, USER_ID="005000000000003", TIMESTAMP_DERIVED=at(70)
        )
        org.store.add_files([log_file(2, 1, "BulkApi2", export)])
        org.store.add_files([log_file(3, 2, "Login", fail(130, "005000000000009"))])
        wait_for(receiver, ["1", "2", "9"])
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)

    assert process.returncode == 0
    assert told(receiver) == ["1", "2", "9"]
