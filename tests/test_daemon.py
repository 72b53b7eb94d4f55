"""The daemon as a process: it works on its own clockwork and ends in order."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest

from collector.demo import EmbeddedOrg, LogFile, Store
from collector.store import alerts, ledger, outbox
from collector.store.database import open_database
from fakes.path import elf_csv, login
from fakes.slack import slack_receiver

NOW = datetime.now(UTC).replace(microsecond=0)


def log_file(number, *, agent="Salesforce-CLI/1.0"):
    at = NOW - timedelta(hours=4) + timedelta(minutes=number)
    row = login(
        BROWSER_TYPE=agent,
        USER_ID=f"0050000000{number:05}",
        TIMESTAMP_DERIVED=at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
    )
    return LogFile(
        id=f"0AT{number:012}AAA",
        event_type="Login",
        log_date=at.replace(minute=0, second=0),
        created=at,
        sequence=1,
        content=elf_csv([row]),
    )


@pytest.fixture
def org():
    store = Store()
    store.add_files([log_file(1)])
    with EmbeddedOrg(store) as served:
        yield served


@pytest.fixture
def config(org, tmp_path):
    path = tmp_path / "collector.yaml"

    def write(*login_urls, webhook):
        auth = {
            "flow": "client_credentials",
            "client_id": org.application.client_id,
            "client_secret": "${env:SF_SECRET}",
        }
        sources = {
            "event_log_file": {"every": "1s", "settle": "0s"},
            "stored_events": False,
            "setup_audit_trail": False,
            "login_history": False,
        }
        orgs = [
            {"name": f"org{n}", "login_url": url, "auth": auth, "sources": sources}
            for n, url in enumerate(login_urls)
        ]
        channels = {"chat": {"type": "slack", "webhook_url": "${env:WEBHOOK}"}}
        settings = {"state_dir": str(tmp_path / "state"), "orgs": orgs, "channels": channels}
        path.write_text(json.dumps(settings))
        secrets = {"SF_SECRET": org.application.client_secret, "WEBHOOK": webhook}
        return path, {**os.environ, **secrets}

    return write


def start(config, environment):
    return subprocess.Popen(
        [sys.executable, "-m", "collector", "run", "-c", str(config)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def until(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def end(process, sign=signal.SIGTERM):
    process.send_signal(sign)
    _, logs = process.communicate(timeout=10)
    return [json.loads(line) for line in logs.splitlines()]


def test_it_collects_detects_delivers_and_goes_on_until_sigterm(org, config, tmp_path):
    with slack_receiver() as receiver:
        process = start(*config(org.base_url, webhook=receiver.url))
        assert until(lambda: len(receiver.bodies) == 1)
        org.store.add_files([log_file(2)])
        assert until(lambda: len(receiver.bodies) == 2), "a file that came later was found, too"
        logs = end(process)

    assert 0 == process.returncode
    assert {"daemon_started", "batch_stored", "delivery_sent", "daemon_stopped"} <= {
        line["event"] for line in logs
    }
    database = open_database(tmp_path / "state")
    with database.read() as connection:
        assert 2 == len(alerts.listing(connection))
        assert {"sent": 2} == {pile.state: pile.count for pile in outbox.piles(connection)}
    database.close()


def test_sigint_ends_it_as_well(org, config):
    with slack_receiver() as receiver:
        process = start(*config(org.base_url, webhook=receiver.url))
        assert until(lambda: receiver.bodies)
        end(process, signal.SIGINT)

    assert 0 == process.returncode


def test_a_second_one_on_the_same_state_is_refused_in_words(org, config):
    with slack_receiver() as receiver:
        path, environment = config(org.base_url, webhook=receiver.url)
        process = start(path, environment)
        assert until(lambda: receiver.bodies)
        second = subprocess.run(
            [sys.executable, "-m", "collector", "run", "--once", "-c", str(path)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        end(process)

    assert 1 == second.returncode
    assert f"in use by another collector (process {process.pid})" in second.stderr
    assert "Traceback" not in second.stderr


def test_an_org_that_cannot_be_reached_does_not_delay_another(org, config, tmp_path):
    with slack_receiver() as receiver:
        process = start(*config("http://127.0.0.1:9", org.base_url, webhook=receiver.url))
        assert until(lambda: receiver.bodies)
        assert until(lambda: "failed" in states(tmp_path).values(), seconds=60)
        end(process)

    assert {"org0": "failed", "org1": "ok"} == states(tmp_path)


def states(directory):
    database = open_database(directory / "state")
    with database.read() as connection:
        found = {poll.stream.org: poll.state for poll in ledger.polls(connection)}
    database.close()
    return found
