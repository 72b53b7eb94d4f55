"""The daemon ends soon after SIGTERM, whatever it is waiting for."""

import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from collector.app import daemon_stop
from collector.demo import EmbeddedOrg, OrgStore
from collector.errors import StoppedError
from fakes.collector_setup import open_test_collector, write_config

pytestmark = pytest.mark.slow


@pytest.fixture
def silent_proxy():
    """A port that takes every connection and never says anything."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        yield server.getsockname()[1]


def test_it_ends_while_an_org_says_nothing(tmp_path, silent_proxy):
    org = EmbeddedOrg(OrgStore())
    org.start()
    config = write_config(tmp_path, org, setup_audit_trail={"every": "1s"})
    config.write_text(config.read_text().replace(org.base_url, f"http://127.0.0.1:{silent_proxy}"))
    org.stop()
    process = subprocess.Popen(
        [sys.executable, "-m", "collector", "run", "-c", str(config)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stderr:
        if "daemon_started" in line:
            break
    time.sleep(1)  # it has asked by now
    process.send_signal(signal.SIGTERM)
    _, logs = process.communicate(timeout=25)

    assert "daemon_stopped" in logs or "daemon_cut_short" in logs
    assert process.returncode in {0, daemon_stop.CUT_SHORT_CODE}


def test_queries_are_cut_short_when_the_end_takes_too_long(tmp_path, monkeypatch):
    monkeypatch.setattr(daemon_stop, "INTERRUPT_SECONDS", 0.05)
    monkeypatch.setattr(daemon_stop, "STOP_SECONDS", 60)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    with EmbeddedOrg(OrgStore()) as org, open_test_collector(write_config(tmp_path, org)) as made:
        cursors = made.pipeline._context.cursors
        interrupted = threading.Event()

        def run_endless_query():
            with (
                pytest.raises(StoppedError),
                cursors.open_cursor() as c,
            ):
                c.execute("SELECT count(*) FROM range(10000000) a, range(10000000) b").fetchall()
            interrupted.set()

        with daemon_stop.end_in_time(made.pipeline, made.stop_event):
            thread = threading.Thread(target=run_endless_query)
            thread.start()
            signal.raise_signal(signal.SIGTERM)
            thread.join(timeout=60)
    for number, handler in handlers.items():
        signal.signal(number, handler)

    assert interrupted.is_set()
