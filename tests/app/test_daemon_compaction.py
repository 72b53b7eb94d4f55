"""While the daemon works, what it has written becomes few files, and it goes on."""

import signal
import subprocess
import sys
import time
from datetime import timedelta

import pytest

from collector import clock
from collector.archive.local_archive import LEDGER_ID_FILE_NAME
from collector.demo import EmbeddedOrg, OrgBehaviour, OrgStore
from collector.store.database import open_database
from fakes.collector_setup import write_config
from fakes.compaction_bench import list_files
from fakes.polling_bench import build_log_file

pytestmark = pytest.mark.slow

HOUR = timedelta(hours=1)
NOON = (clock.now() - timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)

DAEMON = """
import sys

from collector.app import daemon
from collector.cli import main

daemon.COMPACT_SECONDS = 1.0
sys.argv = ["collector", "run", "-c", sys.argv[1]]
main()
"""
"""The daemon, but that it does each second what it does each minute."""


def build_file(number):
    return build_log_file(number, clock.now(), log_date=NOON, sequence=number)


def wait_for_files(database, rows, *, seconds=45.0):
    """The committed files, once there are few and they have so many events."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        files = list_files(database)
        if sum(file.rows for file in files) == rows and len(files) <= 4:
            return files
        time.sleep(0.1)
    pytest.fail(f"{len(files)} files with {sum(file.rows for file in files)} events")


def test_files_become_few_while_it_goes_on(tmp_path):
    store = OrgStore()
    store.add_files([build_file(number) for number in range(1, 8)])
    behaviour = OrgBehaviour(daily_call_limit=10_000_000)
    with EmbeddedOrg(store, behaviour=behaviour) as org:
        config = write_config(tmp_path, org, event_log_file={"every": "1s", "settle": "0s"})
        process = subprocess.Popen(
            [sys.executable, "-c", DAEMON, str(config)], stderr=subprocess.PIPE, text=True
        )
        try:
            claimed = tmp_path / "state" / "archive" / LEDGER_ID_FILE_NAME
            while process.poll() is None and not claimed.exists():
                time.sleep(0.1)
            database = open_database(tmp_path / "state")
            assert any("compacted-" in file.path for file in wait_for_files(database, 14))
            store.add_files([build_file(number) for number in range(8, 15)])
            wait_for_files(database, 28)
            database.close()
        finally:
            process.send_signal(signal.SIGTERM)
            _, logs = process.communicate(timeout=15)
    assert 0 == process.returncode
    assert "_failed" not in logs
