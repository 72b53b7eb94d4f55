"""A daemon that has nothing to do is small."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cli.conftest import _build_store, build_org
from cli.processes import COMMAND, SECRET, run_collector, write_config

from collector import clock
from collector.store import ledger
from collector.store.database import open_database_for_reading

IDLE_MEBIBYTES = 165
"""141 to 144 were measured; an allocator of another system may take more."""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="it is measured in /proc")
def test_a_daemon_without_traffic_is_small(tmp_path):
    with build_org(_build_store()) as org:
        config = write_config(tmp_path, org.base_url, channels={"here": {"type": "terminal"}})
        changed = json.loads(config.read_text())
        changed["orgs"][0]["sources"]["setup_audit_trail"] = {"every": "5s"}
        config.write_text(json.dumps(changed))
        assert 0 == run_collector("run", "--once", "-c", config, cwd=tmp_path).returncode
        daemon = subprocess.Popen(
            [*COMMAND, "run", "-c", str(config)],
            cwd=tmp_path,
            env={**os.environ, "SF_SECRET": SECRET},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait_for_polls(tmp_path / "state")
            clock.wait(5)
            memory = _measure_memory(daemon.pid)
        finally:
            daemon.terminate()
            daemon.wait(timeout=20)

    assert memory <= IDLE_MEBIBYTES


def _wait_for_polls(state):
    """Wait until what is asked most often was polled twice."""
    database = open_database_for_reading(state)
    times = set()
    deadline = clock.monotonic() + 60
    while len(times) < 3 and clock.monotonic() < deadline:
        with database.read() as connection:
            polls = ledger.list_poll_statuses(connection)
        times.add(max(poll.last_attempt for poll in polls))
        clock.wait(0.2)
    database.close()
    assert 3 == len(times)


def _measure_memory(pid):
    """What a process holds in memory, its libraries included, in mebibytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) >> 10
