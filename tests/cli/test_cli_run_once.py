"""The exit code of one pass says whether all that there was has been collected."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from collector.cli import cli
from collector.demo import OrgBehaviour
from fakes.collector_setup import write_config
from fakes.polling_bench import HOUR, build_log_file, serve_org
from fakes.start_time import read_start_time

pytestmark = pytest.mark.slow


def run_once(directory, org):
    config = write_config(directory, org, event_log_file={"settle": "0s"})
    return CliRunner().invoke(cli, ["run", "--once", "-c", str(config)])


def test_files_that_wait_for_calls_are_no_success(tmp_path):
    files = [build_log_file(n, read_start_time() - (n + 1) * HOUR) for n in range(20)]
    with serve_org(*files, behaviour=OrgBehaviour(daily_call_limit=200)) as org:
        ended = run_once(tmp_path, org)

    assert ended.exit_code == 1
    assert "failed: acme/event_log_file/hourly: " in ended.stderr
    assert " files wait: " in ended.stderr


def test_all_of_them_are_one(tmp_path):
    files = [build_log_file(n, read_start_time() - (n + 1) * HOUR) for n in range(5)]
    with serve_org(*files) as org:
        ended = run_once(tmp_path, org)

    assert ended.exit_code == 0
    assert "failed:" not in ended.stderr
    assert "10 events stored" in ended.stdout
