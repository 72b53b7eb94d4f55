"""The daemon as a process: it works on its own clockwork and ends in order."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest

from collector.demo import EmbeddedOrg, OrgBehaviour, OrgLogFile, OrgStore
from collector.store import alerts, ledger, ledger_totals, outbox
from collector.store import rule_status as rule_store
from collector.store.database import open_database
from fakes.dripping import DrippingServer
from fakes.pipeline_bench import build_login_row, render_elf_csv
from fakes.slack import run_slack_receiver

pytestmark = pytest.mark.slow

NOW = datetime.now(UTC).replace(microsecond=0)


def log_file(number, *, agent="Salesforce-CLI/1.0", time=None, **changes):
    at = NOW - timedelta(hours=4) + timedelta(minutes=number)
    row = build_login_row(
        BROWSER_TYPE=agent,
        USER_ID=f"0050000000{number:05}",
        TIMESTAMP_DERIVED=time or at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        **changes,
    )
    return OrgLogFile(
        id=f"0AT{number:012}AAA",
        event_type="Login",
        log_date=at.replace(minute=0, second=0),
        created=at,
        sequence=1,
        content=render_elf_csv([row]),
    )


@pytest.fixture
def org():
    store = OrgStore()
    store.add_files([log_file(1)])
    # Of calls there are enough for a poll each second.
    behaviour = OrgBehaviour(daily_call_limit=10_000_000)
    with EmbeddedOrg(store, behaviour=behaviour) as served:
        yield served


@pytest.fixture
def config(org, tmp_path):
    path = tmp_path / "collector.yaml"

    def write(*login_urls, webhook, rules=None):
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
        if rules is not None:
            settings["rules"] = rules
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


@pytest.mark.parametrize(
    "drip",
    [{}, {"first": b"HTTP/1.1 200 OK\r\nX-Long: ", "rest": b"x" * 1_000, "pause": 1.0}],
    ids=["hangs", "drips"],
)
def test_an_org_that_keeps_it_waiting_does_not_keep_it_from_ending(config, drip):
    """`end` gives it ten seconds."""
    with DrippingServer(**drip) as server, run_slack_receiver() as receiver:
        process = start(*config(server.url, webhook=receiver.url))
        assert server.asked.wait(20)
        logs = end(process)

    assert 0 == process.returncode
    assert "daemon_stopped" == logs[-1]["event"]


def test_it_collects_detects_delivers_and_goes_on_until_sigterm(org, config, tmp_path):
    with run_slack_receiver() as receiver:
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
        assert 2 == len(alerts.list_alerts(connection))
        assert {"sent": 2} == {
            pile.state: pile.count for pile in outbox.list_queue_stats(connection)
        }
    database.close()


def test_sigint_ends_it_as_well(org, config):
    with run_slack_receiver() as receiver:
        process = start(*config(org.base_url, webhook=receiver.url))
        assert until(lambda: receiver.bodies)
        end(process, signal.SIGINT)

    assert 0 == process.returncode


def test_a_second_one_on_the_same_state_is_refused_in_words(org, config):
    with run_slack_receiver() as receiver:
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
    with run_slack_receiver() as receiver:
        process = start(*config("http://127.0.0.1:9", org.base_url, webhook=receiver.url))
        assert until(lambda: receiver.bodies)
        assert until(lambda: "failed" in states(tmp_path).values(), seconds=60)
        end(process)

    assert {"org0": "failed", "org1": "ok"} == states(tmp_path)


def states(directory):
    database = open_database(directory / "state")
    with database.read() as connection:
        found = {poll.stream.org: poll.state for poll in ledger.list_poll_statuses(connection)}
    database.close()
    return found


# ---- rules that change while it runs

PLAIN = """\
title: {title}
id: 7a1f0a52-7a0e-4a39-9f59-3a1c5d2e0c01
name: agent-of-ours
level: medium
logsource: {{product: salesforce, service: Login}}
detection:
  agent: {{user_agent|startswith: {agent}}}
  condition: agent
"""

LISTED = """\
title: An address that is known
id: 7a1f0a52-7a0e-4a39-9f59-3a1c5d2e0c02
name: known-address
level: high
logsource: {product: salesforce, service: Login}
detection:
  known: {source_ip|expand: '%bad_ip%'}
  condition: known
"""


@pytest.fixture
def rules(tmp_path):
    folder = tmp_path / "rules"
    (folder / "lists").mkdir(parents=True)
    (folder / "agent.yml").write_text(PLAIN.format(title="First", agent="First/"))
    (folder / "known.yml").write_text(LISTED)
    (folder / "lists" / "bad_ip.yml").write_text("entries: [192.0.2.1]\n")
    return folder


@pytest.fixture
def running(org, config, rules, tmp_path):
    """The daemon with rules of the user's, and what `status` says of it."""
    with run_slack_receiver() as receiver:
        path, environment = config(
            org.base_url,
            webhook=receiver.url,
            rules={"paths": [str(rules)]},
        )
        process = start(path, environment)
        assert until(lambda: receiver.bodies, seconds=60)
        yield Running(process, path, environment, tmp_path)
        if process.poll() is None:
            process.kill()
        process.communicate()


def finished(config, environment, *command):
    return subprocess.run(
        [sys.executable, "-m", "collector", *command, "-c", str(config)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class Running:
    """A daemon at work, seen from outside."""

    def __init__(self, process, config, environment, directory):
        self.process = process
        self.config = config
        self.environment = environment
        self.directory = directory

    def status(self):
        return finished(self.config, self.environment, "status").stdout

    def titles(self):
        """Of what rules of the user's have told."""
        told = self._read(alerts.list_alerts)
        return [alert.title for alert in told if alert.rule != "cli-activity"]

    def stored(self):
        """How many logins."""
        totals = self._read(ledger_totals.list_ledger_totals)
        return sum(total.rows for total in totals if total.event_type == "Login")

    def loading(self):
        return self._read(rule_store.read_load_status)

    def _read(self, ask):
        database = open_database(self.directory / "state")
        try:
            with database.read() as connection:
                return ask(connection)
        finally:
            database.close()


def test_a_changed_rule_is_at_work_without_a_restart(running, org, rules):
    assert until(lambda: running.stored() == 1, seconds=60)
    loaded = running.loading()
    (rules / "agent.yml").write_text(PLAIN.format(title="Second", agent="Second/"))
    assert until(lambda: running.loading() != loaded, seconds=60)
    org.store.add_files([log_file(2, agent="First/1"), log_file(3, agent="Second/1")])
    assert until(lambda: running.stored() == 3, seconds=60)
    logs = end(running.process)

    assert ["Second"] == running.titles()
    assert 0 == running.process.returncode
    assert "rules_loaded" in {line["event"] for line in logs}


def test_a_broken_edit_leaves_the_set_before_at_work_and_is_shown_until_it_is_mended(
    running, org, rules
):
    assert until(lambda: running.stored() == 1, seconds=60)
    file = rules / "agent.yml"
    file.write_text(PLAIN.format(title="Second", agent="Second/").replace("user_agent", "agnet"))
    assert until(lambda: running.loading().problems, seconds=60)
    org.store.add_files([log_file(2, agent="First/1"), log_file(3, agent="Second/1")])
    assert until(lambda: running.stored() == 3, seconds=60)
    broken, at_work = running.status(), running.titles()
    file.write_text(PLAIN.format(title="Third", agent="Third/"))
    assert until(lambda: not running.loading().problems, seconds=60)
    mended = running.status()
    logs = end(running.process)

    assert ["First"] == at_work
    place = f"{file}:7:11: "
    assert place in "".join(broken.split("\n"))
    assert "other rules stay at work" in broken
    assert "broken" not in mended
    refused = [line for line in logs if line["event"] == "rules_refused"]
    assert [True] == [line["problem"].startswith(place) for line in refused]


def test_an_entry_of_a_list_finds_what_was_stored_long_before_it(running, org, rules):
    week_ago = (NOW - timedelta(days=7)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    old = log_file(2, SOURCE_IP="203.0.113.77", USER_NAME="eve@example.com", time=week_ago)
    org.store.add_files([old])
    assert until(lambda: running.stored() == 2, seconds=60)
    silent = running.titles()
    (rules / "lists" / "bad_ip.yml").write_text("entries: [192.0.2.1, 203.0.113.77]\n")
    assert until(running.titles, seconds=60)
    logs = end(running.process)

    assert [] == silent
    assert ["An address that is known"] == running.titles()
    (grown,) = [line for line in logs if line["event"] == "lists_grown" and line["alerts"]]
    assert ["bad_ip"] == grown["lists"]


def test_broken_rules_are_all_told_by_check(org, config, rules):
    (rules / "agent.yml").write_text("title: [\n")
    (rules / "known.yml").write_text(LISTED.replace("source_ip", "sauce_ip"))
    path, environment = config(
        org.base_url, webhook="http://127.0.0.1:9", rules={"paths": [str(rules)]}
    )
    ended = finished(path, environment, "check")

    assert 2 == ended.returncode
    assert f"{rules / 'agent.yml'}:2:1: " in ended.stdout
    assert f"{rules / 'known.yml'}:7:11: " in ended.stdout
    assert "Traceback" not in ended.stderr


def test_a_broken_rule_file_stops_itself_alone(org, config, rules):
    """One with a condition 3,000 deep among them; a rule whose list is broken goes with it."""
    deep = PLAIN.format(title="Deep", agent="Deep/").replace(
        "condition: ", f"condition: {'not ' * 3000}"
    )
    (rules / "deep.yml").write_text(deep.replace("agent", "deep"))
    (rules / "lists" / "bad_ip.yml").write_text("entries: [5]")
    org.store.add_files([log_file(2, agent="First/1")])
    path, environment = config(
        org.base_url, webhook="http://127.0.0.1:9", rules={"paths": [str(rules)]}
    )
    ended = finished(path, environment, "run", "--once")
    told = finished(path, environment, "alerts", "list", "--json")
    status = finished(path, environment, "status")

    assert 1 == ended.returncode
    for place in ("deep.yml:7:", "known.yml:7:", "lists/bad_ip.yml:1:11: "):
        assert f"rule file refused: {rules}/{place}" in ended.stderr
        assert f"{rules}/{place}" in status.stdout.replace("\n", "")
    titles = [json.loads(line)["title"] for line in told.stdout.splitlines()]
    assert "First" in titles
    assert any("rules files is broken" in title for title in titles)
    assert "Traceback" not in ended.stderr
