"""A process that is killed at any moment loses nothing and tells nothing twice without a mark."""

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
from collector.store import ledger
from collector.store.database import open_database
from fakes.collector_setup import list_learning_rules
from fakes.pipeline_bench import build_login_row, render_elf_csv
from fakes.slack import run_slack_receiver

pytestmark = pytest.mark.slow

HOUR = timedelta(hours=1)
START = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - 20 * HOUR
FILES, ROWS = 24, 150
KILLS = 5


def files():
    """Hourly files, in each of them one login that a rule tells of."""
    for number in range(FILES):
        hour = START + number * HOUR / 2
        rows = [
            build_login_row(
                n,
                USER_NAME=f"user{number}-{n}@example.com",
                TIMESTAMP_DERIVED=(hour + timedelta(seconds=n)).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
                BROWSER_TYPE="Salesforce-CLI/1.0" if n == 7 else "Mozilla/5.0",
                USER_ID=f"0050000000{number:05}",
            )
            for n in range(ROWS)
        ]
        yield OrgLogFile(
            id=f"0AT{number:012}AAA",
            event_type="Login",
            log_date=hour,
            created=hour + HOUR,
            sequence=1,
            content=render_elf_csv(rows),
        )


@pytest.fixture
def org():
    store = OrgStore()
    store.add_files(list(files()))
    with EmbeddedOrg(store) as served:
        yield served


def test_killed_again_and_again_nothing_is_lost_and_nothing_is_there_twice(org, tmp_path):
    with run_slack_receiver() as receiver:
        config = configure(tmp_path, org, receiver.url)
        kills = 0
        while kills < KILLS and not passes(config, org, kills):
            kills += 1
        finished = run(config)
        assert 0 == finished.returncode, finished.stderr

        expected = sorted(f"user{f}-{n}@example.com" for f in range(FILES) for n in range(ROWS))
        assert expected == stored(tmp_path / "state")
        told = Counter(key_of(body) for body in receiver.bodies)
        assert FILES == len(told), "every alert was told"
        repeats = sum(told.values()) - FILES
        marked = sum("possible repeat" in json.dumps(body) for body in receiver.bodies)
        assert repeats <= marked, "every repeat says that it may be one"
        assert marked <= kills, "only a kill while a message is sent puts it in doubt"
    assert kills >= 3


def configure(directory, org, webhook):
    config = {
        "state_dir": str(directory / "state"),
        "orgs": [
            {
                "name": "acme",
                "login_url": org.base_url,
                "auth": {
                    "flow": "client_credentials",
                    "client_id": org.application.client_id,
                    "client_secret": org.application.client_secret,
                },
                "sources": {
                    "event_log_file": {"settle": "0s", "lookback": "2d"},
                    "stored_events": False,
                    "setup_audit_trail": False,
                    "login_history": False,
                    "org_limits": False,
                    "directory": False,
                },
            }
        ],
        "channels": {
            "chat": {"type": "slack", "webhook_url": webhook, "storm": {"messages": 1000}}
        },
        "rules": {"disable": list_learning_rules()},
    }
    path = directory / "collector.yaml"
    path.write_text(json.dumps(config))
    return path


def command(config):
    return [sys.executable, "-m", "collector", "run", "--once", "-c", str(config)]


def run(config):
    """One pass to its end."""
    return subprocess.run(
        command(config), env=os.environ, capture_output=True, text=True, timeout=300, check=False
    )


def passes(config, org, number):
    """Whether a pass ends before it is killed: while it fetches files, and some time after that."""
    enough = count_downloads(org) + 2 * number
    process = subprocess.Popen(
        command(config), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while process.poll() is None and count_downloads(org) <= enough:
        time.sleep(0.005)
    try:
        return process.wait(timeout=0.04 * number) == 0
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False


def count_downloads(org):
    return sum(visit.path.endswith("/LogFile") for visit in org.request_log)


def stored(state):
    database = open_database(state)
    with database.read() as connection:
        committed = ledger.list_archive_files(connection)
    database.close()
    source = parquet_sql.build_relation(StatePaths(state_dir=state).archive.locate_files(committed))
    connection = engine.open_engine()
    try:
        rows = connection.execute(f"SELECT user_name FROM {source} ORDER BY 1").fetchall()
    finally:
        connection.close()
    return [name for (name,) in rows]


def key_of(body):
    """The user that the message is about: one for each alert of the scenario."""
    text = json.dumps(body)
    return text.split("example.com")[0].split("user")[-1].split("-")[0]
