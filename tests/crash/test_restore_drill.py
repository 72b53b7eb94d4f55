"""A state that is lost and restored: nothing is missing, and nothing is told twice in silence."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from collector.demo import EmbeddedOrg, OrgStore
from fakes.collector_setup import (
    build_log_file,
    list_learning_rules,
    list_stored_values,
    write_config,
)
from fakes.restore_drill import CLI, expect_users, json_lines, log, lose_state, run, succeed, tell
from fakes.slack import run_slack_receiver

pytestmark = pytest.mark.slow


@pytest.fixture
def org():
    with EmbeddedOrg(OrgStore()) as served:
        yield served


@pytest.fixture
def receiver():
    with run_slack_receiver() as running:
        yield running


@pytest.fixture
def config(org, receiver, tmp_path):
    channel = {"type": "slack", "webhook_url": receiver.url, "storm": {"messages": 1000}}
    log_files = {"settle": "0s", "lookback": "2d"}
    return write_config(
        tmp_path,
        org,
        channels={"chat": channel},
        rules={"disable": list_learning_rules()},
        event_log_file=log_files,
    )


def test_with_archive_and_journal_nothing_is_told_again(org, receiver, config, tmp_path):
    log(org, 1, 2)
    succeed(config, "run", "--once")
    succeed(config, "backup", tmp_path / "backup")
    log(org, 3, 4)
    succeed(config, "run", "--once")
    lose_state(config)
    log(org, 5)

    report = succeed(config, "restore", tmp_path / "backup")
    succeed(config, "run", "--once")

    assert "2 files with 6 events are newer than it and joined it" in report
    assert expect_users(1, 2, 3, 4, 5) == list_stored_values(tmp_path)
    told, unmarked = tell(receiver)
    assert dict.fromkeys(range(1, 6), 1) == told
    assert dict.fromkeys(range(1, 5), 1) == {n: 1 for n in range(1, 5) if unmarked[n]}
    assert 5 == len(json_lines(config, "alerts", "list", "--json"))


def test_without_the_journal_what_may_be_a_repeat_says_so(org, receiver, config, tmp_path):
    log(org, 1)
    succeed(config, "run", "--once")
    succeed(config, "backup", tmp_path / "backup")
    log(org, 2)
    succeed(config, "run", "--once")
    lose_state(config, journal_too=True)

    succeed(config, "restore", tmp_path / "backup")
    second = timedelta(seconds=1)
    now = datetime.now(UTC)
    org.store.add_files([build_log_file(50, now + second, created=now - 5 * second, agent=CLI)])
    succeed(config, "run", "--once")

    told, unmarked = tell(receiver)
    assert {1: 1, 2: 2, 50: 1} == told
    assert {1: 1, 2: 1, 50: 1} == {n: count for n, count in unmarked.items() if count}


MANY_LOGINS = """
title: A login
id: 5c0f3a54-7a0e-4a63-8a3c-6f4c2f0d7a01
name: any-login
level: low
logsource: {product: salesforce, service: Login}
detection:
  login: {event_type: Login}
  condition: login
collector: {alert: false}
---
title: Many logins from one address
id: 5c0f3a54-7a0e-4a63-8a3c-6f4c2f0d7a02
name: many-logins
level: high
correlation:
  type: event_count
  rules: [any-login]
  group-by: [source_ip]
  timespan: 24h
  condition: {gte: 8}
"""


def test_correlations_see_what_joined_the_state(org, config, tmp_path):
    (tmp_path / "many.yml").write_text(MANY_LOGINS)
    settings = json.loads(config.read_text())
    config.write_text(json.dumps({**settings, "rules": {"paths": [str(tmp_path / "many.yml")]}}))
    log(org, 1, 2, agent="Mozilla/5.0")
    succeed(config, "run", "--once")
    succeed(config, "backup", tmp_path / "backup")
    log(org, 3, agent="Mozilla/5.0")
    succeed(config, "run", "--once")
    [before] = json_lines(config, "alerts", "list", "--json", "--rule", "many-logins")
    lose_state(config)

    report = succeed(config, "restore", tmp_path / "backup")

    assert "1 alert found in them" in report
    [after] = json_lines(config, "alerts", "list", "--json", "--rule", "many-logins")
    for name in ("id", "count", "first_time", "last_time", "severity"):
        assert before[name] == after[name]


def test_on_a_new_machine_all_comes_from_the_backup_and_from_the_org(
    org, receiver, config, tmp_path
):
    log(org, 1, 2)
    succeed(config, "run", "--once")
    succeed(config, "backup", tmp_path / "backup")
    log(org, 3)
    succeed(config, "run", "--once")
    shutil.rmtree(tmp_path / "state")

    report = succeed(config, "restore", tmp_path / "backup")
    succeed(config, "run", "--once")

    assert "0 files are in place, 2 were put back from the backup, 0 are lost" in report
    assert expect_users(1, 2, 3) == list_stored_values(tmp_path)
    told, unmarked = tell(receiver)
    assert {1: 1, 2: 1, 3: 2} == told
    assert 1 == unmarked[3], "the second time it says that it may be a repeat"


def test_an_older_state_that_somebody_put_back_by_hand_is_noticed(org, receiver, config, tmp_path):
    log(org, 1)
    succeed(config, "run", "--once")
    shutil.copy(tmp_path / "state" / "state.db", tmp_path / "old.db")
    log(org, 2)
    with sqlite3.connect(tmp_path / "old.db") as older:  # an hour before
        older.execute("UPDATE deliveries SET finished = finished - 3600000000")
    older.close()
    succeed(config, "run", "--once")
    lose_state(config)
    shutil.copy(tmp_path / "old.db", tmp_path / "state" / "state.db")

    again = run(config, "run", "--once")

    assert "older_state_noticed" in again.stderr
    assert expect_users(1, 2) == list_stored_values(tmp_path)
    told, unmarked = tell(receiver)
    assert {1: 1, 2: 1} == told == unmarked, "the journal says that it was told"


def test_killed_while_it_restores_it_is_right_the_next_time(org, receiver, config, tmp_path):
    log(org, *range(1, 5))
    succeed(config, "run", "--once")
    succeed(config, "backup", tmp_path / "backup")
    log(org, *range(5, 9))
    succeed(config, "run", "--once")
    lose_state(config)
    kills = kill_until_it_ends(config, ["restore", str(tmp_path / "backup")])
    succeed(config, "run", "--once")

    assert kills >= 1
    assert expect_users(*range(1, 9)) == list_stored_values(tmp_path)
    told, unmarked = tell(receiver)
    assert dict.fromkeys(range(1, 9), 1) == told == unmarked


def test_killed_while_it_backs_up_it_is_right_the_next_time(org, receiver, config, tmp_path):
    log(org, *range(1, 7))
    succeed(config, "run", "--once")
    kills = kill_until_it_ends(config, ["backup", str(tmp_path / "backup"), "--keep", "2"])
    lose_state(config, archive_too=True)
    succeed(config, "restore", tmp_path / "backup")

    assert kills >= 1
    assert expect_users(*range(1, 7)) == list_stored_values(tmp_path)
    assert {"archive", "lock", "states"} == {each.name for each in (tmp_path / "backup").iterdir()}
    assert not list((tmp_path / "backup" / "states").glob(".*"))


def kill_until_it_ends(config, command):
    """Kill a command ever later, until it ends first; returns how often."""
    kills = 0
    while True:
        process = subprocess.Popen(
            [sys.executable, "-m", "collector", *command, "-c", str(config)],
            cwd=config.parent,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            assert 0 == process.wait(timeout=0.4 + 0.3 * kills)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
        else:
            return kills
