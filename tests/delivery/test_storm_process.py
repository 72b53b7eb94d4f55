"""The whole path as processes: a log file with hundreds of matches, and what leaves of them."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from collector.demo import EmbeddedOrg, OrgLogFile, OrgStore
from fakes.collector_setup import write_config
from fakes.pipeline_bench import build_login_row, render_elf_csv
from fakes.slack import run_slack_receiver

pytestmark = pytest.mark.slow

HOUR = timedelta(hours=1)
START = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - 6 * HOUR
ALERTS = 150


def build_log_file() -> OrgLogFile:
    """Many users of a tool that alerts as high, and one, the last, of another one: critical."""
    agents = ["Salesforce-CLI/1.0"] * ALERTS + ["Salesforce-Multi-Org-Fetcher/1.0"]
    rows = [
        build_login_row(
            number,
            BROWSER_TYPE=agent,
            USER_NAME=f"user{number:03}@example.com",
            USER_ID=f"0050000000{number:05}",
            TIMESTAMP_DERIVED=f"{START + timedelta(seconds=number):%Y-%m-%dT%H:%M:%S.000Z}",
        )
        for number, agent in enumerate(agents)
    ]
    return OrgLogFile(
        id="0AT000000000001AAA",
        event_type="Login",
        log_date=START,
        created=START + HOUR,
        sequence=1,
        content=render_elf_csv(rows),
    )


def run_command(config, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "collector", *arguments, "-c", str(config)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_of_hundreds_the_critical_one_is_first_and_the_others_are_one_digest(tmp_path):
    store = OrgStore()
    store.add_files([build_log_file()])
    with EmbeddedOrg(store) as org, run_slack_receiver() as receiver:
        config = write_config(
            tmp_path,
            org,
            channels={"chat": {"type": "slack", "webhook_url": receiver.url}},
            event_log_file={"settle": "0s", "lookback": "2d"},
        )
        ran = run_command(config, "run", "--once")
        assert 0 == ran.returncode, ran.stderr
        texts = [body["text"] for body in receiver.bodies]

    assert "Salesforce-Multi-Org-Fetcher" in texts[0]
    assert 22 == len(texts), "the critical one, twenty others, and the digest"
    assert f"{ALERTS - 20} alerts of acme: {ALERTS - 20} high" in texts[-1]
    listed = run_command(config, "deliveries", "list", "--all", "--json").stdout.splitlines()
    told = [line for line in map(json.loads, listed) if line["kind"] == "delivery"]
    assert {"sent"} == {line["state"] for line in told}
    assert ALERTS + 1 == len({line["alert_id"] for line in told if line["alert_id"]})
    (digest,) = {line["digest"] for line in told if line["digest"]}
    members = run_command(config, "deliveries", "list", "--digest", digest, "--json").stdout
    assert ALERTS - 20 == len(members.splitlines())
