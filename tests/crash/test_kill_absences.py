"""A process that is killed while it tells what has not come has told nothing, or all of it."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

import pytest

from collector.detect.loader import load_rule_set
from collector.rules.rule_files import EVENT_SCHEMA
from collector.store import awaited_absences, outbox
from collector.store.awaited_absences import AbsenceHorizon
from fakes.pipeline_bench import open_pipeline_bench

pytestmark = pytest.mark.slow

RULES = """
title: Failed login
id: 00000000-0000-4000-8000-000000000001
name: failed
level: medium
logsource: {product: salesforce, service: Login}
detection: {s: {outcome: failure}, condition: s}
---
title: Login
id: 00000000-0000-4000-8000-000000000002
name: entered
level: low
logsource: {product: salesforce, service: Login}
detection: {s: {outcome: success}, condition: s}
---
title: A failed login and then none that succeeds
id: 00000000-0000-4000-8000-000000000003
name: given-up
level: high
correlation:
  type: temporal_ordered
  rules: [failed, entered]
  group-by: [user_id]
  timespan: 1h
  condition: failed and not entered
"""
ONE = datetime(2026, 3, 1, 13, 30, tzinfo=UTC)

PROGRAM = """
import os, signal, sys
sys.path[:0] = sys.argv[2:]
from datetime import UTC, datetime
from pathlib import Path
from collector.detect.loader import load_rule_set
from collector.ingest.ingest_context import IngestContext
from collector.rules.rule_files import EVENT_SCHEMA
from collector.store.awaited_absences import AbsenceHorizon
from fakes.pipeline_bench import build_login_row, open_pipeline_bench

folder = Path(sys.argv[1])
rules = load_rule_set([folder / "rules.yml"], schema=EVENT_SCHEMA)
write = IngestContext.commit_result
def write_and_die(*given):
    alerts = write(*given)
    assert alerts
    os.kill(os.getpid(), signal.SIGKILL)
with open_pipeline_bench(folder, rules=rules, channels=["chat"]) as bench:
    row = build_login_row(LOGIN_STATUS="LOGIN_ERROR_INVALID_PASSWORD")
    bench.pipeline.ingest(bench.write_batch("Login", [row], key="one"))
    IngestContext.commit_result = write_and_die
    horizon = AbsenceHorizon(until=datetime(2026, 3, 1, 13, 30, tzinfo=UTC))
    bench.pipeline.absences.settle_org("acme", lambda *_: horizon)
"""


def test_a_kill_before_it_is_committed_has_told_nothing_and_it_is_told_once(tmp_path):
    (tmp_path / "rules.yml").write_text(RULES, encoding="utf-8")
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), *sys.path]
    killed = subprocess.run(command, check=False, timeout=120)
    assert killed.returncode == -9

    rules = load_rule_set([tmp_path / "rules.yml"], schema=EVENT_SCHEMA)
    with open_pipeline_bench(tmp_path, rules=rules, channels=["chat"]) as bench:
        assert bench.list_alerts() == []
        with bench.database.read() as connection:
            before = awaited_absences.read_horizons(connection, "acme")["given-up"]
            assert before.until < ONE
            assert outbox.find_last_sent(connection) is None

        horizon = AbsenceHorizon(until=ONE)
        assert len(bench.pipeline.absences.settle_org("acme", lambda *_: horizon)) == 1
        assert bench.pipeline.absences.settle_org("acme", lambda *_: horizon) == []
        assert [alert.count for alert in bench.list_alerts()] == [1]
