"""A daemon at work keeps snapshots of its state, and is backed up beside its work."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from click.testing import CliRunner

from collector.cli import cli
from collector.demo import EmbeddedOrg, OrgBehaviour, OrgStore
from fakes.collector_setup import build_log_file, list_stored_values, write_config

pytestmark = pytest.mark.slow

START = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=20)


@pytest.fixture
def org():
    behaviour = OrgBehaviour(daily_call_limit=10_000_000)
    with EmbeddedOrg(OrgStore(), behaviour=behaviour) as served:
        yield served


@pytest.fixture
def daemon(org, tmp_path):
    config = write_config(
        tmp_path, org, event_log_file={"every": "1s", "settle": "0s", "lookback": "2d"}
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "collector", "run", "-c", str(config)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.communicate()


def invoke(*command):
    result = CliRunner().invoke(cli, [str(each) for each in command])
    assert 0 == result.exit_code, (result.stderr, result.exception)


def test_each_backup_of_a_daemon_at_work_is_whole(org, daemon, tmp_path):
    backup, deadline = tmp_path / "backup", time.monotonic() + 40
    numbers, backups = count(1), 0
    snapshots = tmp_path / "state" / "snapshots"
    while backups < 4 or not list(snapshots.glob("*/manifest.json")):
        assert time.monotonic() < deadline
        number = next(numbers)
        org.store.add_files(
            [build_log_file(number, START + timedelta(minutes=number), agent="Salesforce-CLI/1.0")]
        )
        if (tmp_path / "state" / "state.db").exists() and number % 5 == 0:
            invoke("backup", backup, "-c", tmp_path / "collector.yaml")
            backups += 1
        time.sleep(0.2)
    daemon.send_signal(signal.SIGTERM)
    _, logs = daemon.communicate(timeout=15)

    assert [] == [line for line in logs.splitlines() if json.loads(line)["level"] == "error"]
    row_counts = []
    for state in sorted((backup / "states").iterdir()):
        other = tmp_path / f"other-{state.name}"
        other.mkdir()
        config = write_config(other, org)
        invoke("restore", backup, "-c", config, "--state", state.name)
        with sqlite3.connect(other / "state" / "state.db") as database:
            rows, names = database.execute(
                "SELECT (SELECT sum(rows) FROM batches), (SELECT count(*) FROM matches)"
            ).fetchone()
        database.close()
        assert (rows or 0) == len(list_stored_values(other)) == (names or 0)
        row_counts.append(rows or 0)
    assert sorted(row_counts) == row_counts
    assert row_counts[-1] > 0
