"""A process that is killed while it settles the directory has settled nothing, or all of it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from collector.detect.loader import load_rule_set
from collector.model import AlertStatus
from collector.rules.rule_files import EVENT_SCHEMA
from collector.store import settled_directory
from fakes.pipeline_bench import open_pipeline_bench

pytestmark = pytest.mark.slow

RULE = """
title: An admin takes records
id: 00000000-0000-4000-8000-000000000101
name: admin-export
level: medium
logsource: {product: salesforce, service: BulkApi2}
detection: {s: {user.is_admin: true}, condition: s}
collector:
  title: "Export by {user.display|user_name|user_id}"
  dedup: {key: [event_uid]}
"""
EVENTS = 2_500
"""More than are committed together, so that a part is written before the rest is."""

PROGRAM = """
import os, signal, sys
sys.path[:0] = sys.argv[3:]
from datetime import UTC, datetime
from pathlib import Path
from collector.detect.loader import load_rule_set
from collector.rules.rule_files import EVENT_SCHEMA
from collector.store import settled_directory
from fakes.directories import build_user, store_version
from fakes.pipeline_bench import build_bulk_row, open_pipeline_bench

folder = Path(sys.argv[1])
rules = load_rule_set([folder / "rules.yml"], schema=EVENT_SCHEMA)
with open_pipeline_bench(folder, rules=rules) as bench:
    rows = [build_bulk_row(f"750{n:012}AAA", n) for n in range(int(sys.argv[2]))]
    bench.pipeline.ingest(bench.write_batch("BulkApi2", rows, key="one"))
    known = build_user(is_admin=True)
    store_version(bench.database, "005000000000001AAA", datetime(2026, 1, 1, tzinfo=UTC), known)
    settled_directory.settle_versions = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    bench.pipeline.settle_directory()
"""


def test_a_kill_between_the_versions_and_their_settlement_loses_nothing(tmp_path):
    (tmp_path / "rules.yml").write_text(RULE, encoding="utf-8")
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), str(EVENTS), *sys.path]
    killed = subprocess.run(command, check=False, timeout=120)
    assert killed.returncode == -9

    rules = load_rule_set([tmp_path / "rules.yml"], schema=EVENT_SCHEMA)
    with open_pipeline_bench(tmp_path, rules=rules) as bench:
        with bench.database.read() as connection:
            assert settled_directory.list_unsettled_orgs(connection) == ["acme"]
        bench.pipeline.settle_directory()

        alerts = bench.list_alerts()
        assert sum(alert.count for alert in alerts) == EVENTS
        assert {alert.status for alert in alerts} == {AlertStatus.OPEN}
        with bench.database.read() as connection:
            assert settled_directory.list_unsettled_orgs(connection) == []
            assert settled_directory.read_revision(connection, "acme") == 1
        assert bench.pipeline.settle_directory() == []
