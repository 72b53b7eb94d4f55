"""A file that is full of matches delays nobody, and survives whatever ends the process."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from collector.alerting.flooding import FLOOD_LIMIT
from collector.demo import EmbeddedOrg, OrgLogFile, OrgStore
from fakes.collector_setup import list_learning_rules, write_config
from fakes.pipeline_bench import build_login_row, render_elf_csv
from fakes.slack import run_slack_receiver

pytestmark = pytest.mark.slow

NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)
ROWS = 12_000
RULES = """\
title: Loud {user_id}
id: 3c4e2a52-7a0e-4a39-9f59-3a1c5d2e0b01
name: a-loud
level: low
logsource: {product: salesforce, service: Login}
detection: {loud: {status: LOUD}, condition: loud}
collector: {dedup: {key: [user_id]}}
---
title: Quiet
id: 3c4e2a52-7a0e-4a39-9f59-3a1c5d2e0b02
name: quiet
level: critical
logsource: {product: salesforce, service: Login}
detection: {quiet: {status: QUIET}, condition: quiet}
"""


def build_log_file():
    at = NOW.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    rows = [
        build_login_row(
            number, TIMESTAMP_DERIVED=at, USER_ID=f"0050000000{number:05}", LOGIN_STATUS="LOUD"
        )
        for number in range(ROWS)
    ]
    quiet = build_login_row(ROWS, TIMESTAMP_DERIVED=at, LOGIN_STATUS="QUIET")
    return OrgLogFile(
        id="0AT000000000001AAA",
        event_type="Login",
        log_date=NOW,
        created=NOW + timedelta(hours=1),
        sequence=1,
        content=render_elf_csv([*rows, quiet]),
    )


@pytest.fixture
def config(tmp_path):
    store = OrgStore()
    store.add_files([build_log_file()])
    (tmp_path / "rules.yml").write_text(RULES)
    with EmbeddedOrg(store) as org, run_slack_receiver() as receiver:
        path = write_config(
            tmp_path,
            org,
            channels={"chat": {"type": "slack", "webhook_url": receiver.url}},
            rules={"paths": [str(tmp_path / "rules.yml")], "disable": list_learning_rules()},
            event_log_file={"every": "1s", "settle": "0s"},
        )
        yield path, receiver


class Processes:
    """Processes of the command line, none of which outlives the test."""

    def __init__(self):
        self._started = []

    def start(self, config, *command):
        process = subprocess.Popen(
            [sys.executable, "-m", "collector", *(command or ("run",)), "-c", str(config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._started.append(process)
        return process

    def end_all(self):
        for process in self._started:
            process.kill()
            process.wait()


@pytest.fixture
def daemons():
    processes = Processes()
    yield processes
    processes.end_all()


def ask(config, sql):
    state = config.parent / "state" / "state.db"
    try:
        with closing(sqlite3.connect(f"file:{state}?mode=ro", uri=True, timeout=30)) as database:
            return database.execute(sql).fetchall()
    except sqlite3.OperationalError:
        return []  # it is not there yet


def until(condition, seconds=120.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def count_matches(config):
    ((count,),) = ask(config, "SELECT count(*) FROM matches") or ((0,),)
    return count


def is_folding(config):
    """Whether there are matches that are not in alerts yet."""
    return ask(config, "SELECT key FROM unfinished WHERE unfolded") != []


def test_it_goes_on_after_any_end_and_everybody_is_answered_meanwhile(config, daemons):
    path, receiver = config
    stopped = daemons.start(path)
    assert until(lambda: is_folding(path))
    quiet = ask(path, "SELECT count FROM alerts WHERE rule = 'quiet'")
    stopped.send_signal(signal.SIGTERM)
    assert 0 == stopped.wait(timeout=30)
    count = count_matches(path)

    assert [(1,)] == quiet, "the critical one is in the first transaction"
    assert is_folding(path)
    assert 0 < count < ROWS

    killed = daemons.start(path)
    assert until(lambda: count_matches(path) > count)
    killed.kill()
    killed.wait()
    assert is_folding(path), "it was killed in the middle"

    last = daemons.start(path)
    asked = [daemons.start(path, *command) for command in (("alerts", "list"), ("status",))]
    assert [0, 0] == [process.wait(timeout=60) for process in asked]
    assert until(lambda: not is_folding(path))
    last.send_signal(signal.SIGTERM)
    assert 0 == last.wait(timeout=30)

    assert ROWS + 1 == count_matches(path)
    assert [(ROWS + 1, FLOOD_LIMIT + 2)] == ask(path, "SELECT sum(count), count(*) FROM alerts")
    told = Counter(json.dumps(body) for body in receiver.bodies)
    repeats = [text for text, count in told.items() if count > 1]
    assert [] == [text for text in repeats if "possible repeat" not in text]
