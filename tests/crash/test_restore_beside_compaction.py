"""A state that is lost after its files were compacted: nothing is missing, or done twice."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from collector.demo import EmbeddedOrg, OrgStore
from collector.ingest import retired_files
from fakes.collector_setup import (
    build_log_file,
    list_learning_rules,
    list_stored_values,
    write_config,
)
from fakes.restore_drill import CLI, expect_users, json_lines, lose_state, succeed
from fakes.slack import run_slack_receiver

pytestmark = pytest.mark.slow

HOUR = timedelta(hours=1)
START = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=3)

RULES = """
title: A login
id: 5c0f3a54-7a0e-4a63-8a3c-6f4c2f0d7a01
name: any-login
level: low
logsource: {product: salesforce, service: Login}
detection: {login: {event_type: Login}, condition: login}
collector: {alert: false}
---
title: A login by a command line
id: 5c0f3a54-7a0e-4a63-8a3c-6f4c2f0d7a02
name: command-line
level: medium
logsource: {product: salesforce, service: Login}
detection: {login: {BROWSER_TYPE|startswith: Salesforce-CLI}, condition: login}
---
title: Many logins from one address
id: 5c0f3a54-7a0e-4a63-8a3c-6f4c2f0d7a03
name: many-logins
level: high
correlation:
  type: event_count
  rules: [any-login]
  group-by: [source_ip]
  timespan: 24h
  condition: {gte: 25}
---
title: New agent
id: 5c0f3a54-7a0e-4a63-8a3c-6f4c2f0d7a04
name: new-agent
level: medium
logsource: {product: salesforce, service: Login}
detection: {login: {event_type: Login}, condition: login}
collector: {first_seen: {key: [BROWSER_TYPE], learn: 1h, forget: 30d}}
---
title: More logins than usual
id: 5c0f3a54-7a0e-4a63-8a3c-6f4c2f0d7a05
name: unusual
level: medium
logsource: {product: salesforce, service: Login}
detection: {login: {event_type: Login}, condition: login}
collector:
  baseline: {metric: count, group_by: [source_ip], window: 1h, history: 1d, deviations: 2, floor: 5,
             minimum: 3}
"""


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
    log_files = {"settle": "0s", "lookback": "5d"}
    (tmp_path / "rules.yml").write_text(RULES)
    path = write_config(
        tmp_path,
        org,
        channels={"chat": channel},
        rules={"paths": [str(tmp_path / "rules.yml")], "disable": list_learning_rules()},
        event_log_file=log_files,
    )
    snapshots = {"backup": {"every": "1m"}}
    path.write_text(json.dumps(json.loads(path.read_text()) | snapshots))
    return path


def log(org, *numbers, agent="Mozilla/5.0", rows=3):
    org.store.add_files(
        [build_log_file(n, START + n * HOUR, agent=agent, rows=rows) for n in numbers]
    )


def compact(config, monkeypatch):
    """What the daemon does in an hour: few files, and those that were are deleted."""
    monkeypatch.setattr(retired_files, "GRACE", timedelta())
    succeed(config, "archive", "compact")
    paths = list((config.parent / "state" / "archive").rglob("*.parquet"))
    assert all("compacted-" in path.name for path in paths), paths
    assert paths


def list_alerts(config):
    names = ("id", "rule", "count", "first_time", "last_time", "severity", "title")
    alerts = json_lines(config, "alerts", "list", "--json")
    return sorted([alert.get(name) for name in names] for alert in alerts)


def count_downloads(org):
    paths = Counter(each.path for each in org.request_log)
    return {path: count for path, count in paths.items() if path.endswith("/LogFile")}


def test_events_that_came_and_were_compacted_are_judged(
    org, receiver, config, monkeypatch, tmp_path
):
    log(org, *range(1, 7))
    succeed(config, "run", "--once")
    succeed(config, "backup", tmp_path / "backup")
    log(org, 7, 8, 9)
    log(org, 10, agent=CLI)
    log(org, 11, rows=7)
    log(org, 12, agent="New/1.0")
    succeed(config, "run", "--once")
    before = list_alerts(config)
    assert {row[1] for row in before} >= {"command-line", "many-logins", "new-agent", "unusual"}
    messages = len(receiver.bodies)
    compact(config, monkeypatch)
    lose_state(config)

    succeed(config, "restore", tmp_path / "backup")
    assert before == list_alerts(config)
    succeed(config, "run", "--once")

    assert before == list_alerts(config)
    assert messages == len(receiver.bodies)


def test_a_snapshot_whose_files_were_all_compacted_since_finds_everything(
    org, receiver, config, monkeypatch, tmp_path
):
    log(org, *range(1, 7), agent=CLI)
    succeed(config, "run", "--once")
    before, messages = list_alerts(config), len(receiver.bodies)
    downloads = count_downloads(org)
    assert (6, 6) == (len(downloads), sum(downloads.values()))
    compact(config, monkeypatch)
    lose_state(config)

    assert "0 are lost" in succeed(config, "restore", "--dry-run")
    report = succeed(config, "restore")
    succeed(config, "archive", "verify")
    succeed(config, "run", "--once")
    verified = succeed(config, "archive", "verify")

    assert "0 are lost" in report, report
    assert "0 alerts found in them" in report, report
    assert "18 events" in verified, verified
    assert before == list_alerts(config)
    assert messages == len(receiver.bodies)
    assert downloads == count_downloads(org)
    assert expect_users(*range(1, 7)) == list_stored_values(tmp_path)
    succeed(config, "status", "--completeness", "--since", "6d")


def test_what_was_pruned_since_is_not_lost(org, config, monkeypatch):
    log(org, *range(1, 7))
    succeed(config, "run", "--once")
    settings = json.loads(config.read_text()) | {"archive": {"retention": "1d"}}
    settings["orgs"][0]["sources"]["event_log_file"]["lookback"] = "1d"
    config.write_text(json.dumps(settings))
    monkeypatch.setattr(retired_files, "GRACE", timedelta())
    succeed(config, "archive", "prune")
    succeed(config, "archive", "compact")
    assert not list((config.parent / "state" / "archive").rglob("*.parquet"))
    lose_state(config)
    downloads = count_downloads(org)

    planned = succeed(config, "restore", "--dry-run")
    report = succeed(config, "restore")
    succeed(config, "run", "--once")

    assert "0 are lost" in planned
    assert "0 are lost" in report
    assert downloads == count_downloads(org)
    succeed(config, "archive", "verify")
    assert "damaged" not in succeed(config, "status").casefold()
    succeed(config, "status", "--completeness", "--since", "6d")
