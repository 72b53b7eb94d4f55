"""The command line over an archive of which files, or all of it, cannot be read."""

from __future__ import annotations

import json
import shutil

import pytest
from cli.processes import invoke_command, run_collector

from collector import clock
from collector.demo import EmbeddedOrg, OrgStore
from collector.errors import CollectorError
from fakes.collector_setup import (
    HOUR,
    build_log_file,
    open_test_collector,
    poll_sources,
    write_config,
)

HOURS = [clock.now().replace(minute=0, second=0, microsecond=0) - n * HOUR for n in (5, 6)]


@pytest.fixture
def state(tmp_path):
    """A configuration whose state has two log files, of two types."""
    store = OrgStore()
    store.add_files(
        [
            build_log_file(1, HOURS[0], rows=3, created=HOURS[0] + HOUR),
            build_log_file(2, HOURS[1], rows=2, event_type="Logout", created=HOURS[0] + HOUR),
        ]
    )
    channels = {"here": {"type": "terminal"}}
    with EmbeddedOrg(store) as org:
        config = write_config(tmp_path, org, channels=channels, event_log_file={"settle": "0s"})
        with open_test_collector(config) as collector:
            poll_sources(collector)
        yield config


def find_file(config, event_type):
    (path,) = (config.parent / "state/archive").rglob(f"event_type={event_type}/*/*.parquet")
    return path


def zero(path):
    path.write_bytes(bytes(path.stat().st_size))


@pytest.mark.slow
@pytest.mark.parametrize("damage", [lambda path: path.unlink(), zero], ids=["gone", "zeros"])
def test_hunt_goes_on_over_the_files_that_can_be_read(state, damage):
    whole = invoke_command("hunt", "-c", state, "--json", "SELECT count(*) AS n FROM events")
    damage(find_file(state, "Login"))

    process = run_collector(
        "hunt", "-c", state, "--json", "SELECT count(*) AS n FROM events", cwd=state.parent
    )

    assert 0 == process.returncode, process.stderr
    assert json.loads(whole.stdout)["n"] - 3 == json.loads(process.stdout)["n"]
    assert "files_left_out" in process.stderr


@pytest.mark.slow
def test_a_missing_file_is_told_by_status_until_it_is_there_again(state):
    path = find_file(state, "Login")
    path.unlink()

    before = invoke_command("status", "-c", state, "--json")
    assert 0 == before.exit_code
    (unreadable,) = (
        line
        for line in map(json.loads, before.stdout.splitlines())
        if line["kind"] == "unreadable_file"
    )
    assert ("Login", 3, "new", "it is not there") == tuple(
        unreadable[key] for key in ("event_type", "rows", "state", "reason")
    )
    assert (
        "Files of the archive that cannot be read" in invoke_command("status", "-c", state).stdout
    )

    passed = run_collector("run", "--once", "-c", state, cwd=state.parent)
    # A rule that learns from logins looks at the file; it is fetched again in the same pass.
    assert "file_set_aside" in passed.stderr
    assert path.exists()
    assert "unreadable" not in invoke_command("status", "-c", state, "--json").stdout


@pytest.mark.slow
def test_an_archive_that_is_not_there_is_said_with_exit_code_1(state):
    archive = state.parent / "state" / "archive"
    shutil.move(archive, state.parent / "elsewhere")

    process = run_collector("status", "-c", state, cwd=state.parent)
    assert 1 == process.returncode
    assert "Streams of acme" in process.stdout
    assert f"Error: the archive {archive} cannot be read" in process.stderr
    for command in (["status", "--json"], ["hunt", "SELECT 1"], ["rules", "backtest"]):
        result = invoke_command(*command, "-c", state)
        assert isinstance(result.exception, CollectorError)
        assert f"the archive {archive} cannot be read" in str(result.exception)
