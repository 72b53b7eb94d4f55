"""A disk that fills up: told before it is full, and nothing is fetched that cannot be stored."""

from __future__ import annotations

import json
import os
import resource
import subprocess

import pytest
from cli.processes import COMMAND, invoke_command, parse_lines, run_collector

from collector import clock
from collector.demo import EmbeddedOrg, OrgStore
from fakes.collector_setup import HOUR, build_log_file, build_login_rows, write_config

NOW = clock.now().replace(microsecond=0)
EVERYTHING = "9000TB"
"""More than any disk has: it is short from the beginning."""


@pytest.fixture(params=[2])
def org(request):
    """Twelve log files of so many rows, and four logins of the login history."""
    store = OrgStore()
    hours = [NOW.replace(minute=0, second=0) - number * HOUR / 2 for number in range(6, 18)]
    store.add_files(
        [
            build_log_file(number, hour, rows=request.param, created=hour + HOUR)
            for number, hour in enumerate(hours)
        ]
    )
    store.add_rows("LoginHistory", *build_login_rows(NOW - HOUR, 4, HOUR / 8))
    with EmbeddedOrg(store) as served:
        yield served


def configure(folder, org, **changes):
    config = write_config(
        folder,
        org,
        channels={"here": {"type": "terminal"}},
        event_log_file={"settle": "0s"},
        login_history={},
    )
    config.write_text(json.dumps(json.loads(config.read_text()) | changes))
    return config


def list_requests(org, words):
    return [visit.path for visit in org.request_log if words in f"{visit.path}?{visit.query}"]


@pytest.mark.slow
def test_nothing_is_asked_of_an_org_that_could_not_be_stored(org, tmp_path):
    config = configure(tmp_path, org, disk_reserve=EVERYTHING)

    process = run_collector("run", "--once", "-c", config, cwd=tmp_path)

    assert 1 == process.returncode
    assert [] == list_requests(org, "/services/data")
    assert "free of" in process.stderr
    assert "nothing is fetched until there is room" in process.stderr
    assert "1 message delivered" in process.stdout
    (alert,) = parse_lines(invoke_command("alerts", "list", "--json", "-c", config))
    assert ("high", "collector") == (alert["severity"], alert["org"])
    assert alert["title"].startswith(f"Collector: disk {tmp_path / 'state'} is full: the disk of")
    backfill = run_collector("backfill", "--since", "1d", "-c", config, cwd=tmp_path)
    assert "nothing is fetched until there is room" in backfill.stderr
    assert [] == list_requests(org, "/LogFile")


@pytest.mark.slow
def test_urgent_records_go_on_where_log_files_wait(org, tmp_path):
    usage = os.statvfs(tmp_path)
    free = usage.f_bavail * usage.f_frsize
    config = configure(tmp_path, org, disk_reserve=f"{free * 4}")

    process = run_collector("run", "--once", "-c", config, cwd=tmp_path)

    assert "4 events stored" in process.stdout
    assert [] == list_requests(org, "EventLogFile")


@pytest.mark.slow
@pytest.mark.parametrize("org", [9000], indirect=True)
def test_a_disk_that_fills_up_meanwhile_ends_the_downloads(org, tmp_path):
    """A limit of the size of files stands for it: what is fetched does not fit."""
    config = configure(tmp_path, org)
    run_collector("status", "-c", config, cwd=tmp_path)

    process = subprocess.run(
        [*COMMAND, "run", "--once", "-c", str(config)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000)),
    )

    assert 1 == process.returncode
    assert "nothing more can be stored" in process.stderr
    assert "Traceback" not in process.stderr
    assert 0 < len(list_requests(org, "/LogFile")) < 8
    again = run_collector("run", "--once", "-c", config, cwd=tmp_path)
    assert 0 == again.returncode, again.stderr
    assert "108,000 events stored" in again.stdout, "urgent records were there already"
