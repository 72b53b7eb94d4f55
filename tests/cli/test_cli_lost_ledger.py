"""An archive whose state database is lost, is another one, or comes from an older backup."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess

import pytest
from cli.processes import COMMAND, SECRET, invoke_command, run_collector, write_config

from collector.errors import ArchiveWithoutLedgerError
from fakes.databases import write_earlier_state


@pytest.fixture
def state(polled, tmp_path):
    """A copy of the state directory that the first pass has left, with its configuration."""
    shutil.copytree(polled.config.parent / "state", tmp_path / "state")
    channels = {"here": {"type": "terminal"}}
    return write_config(tmp_path, polled.org.base_url, channels=channels)


def archived(config):
    """The bytes of every event file of the archive, by its place."""
    root = config.parent / "state" / "archive"
    return {path.relative_to(root): path.read_bytes() for path in root.rglob("*.parquet")}


def lose_database(config):
    for path in (config.parent / "state").glob("state.db*"):
        path.unlink()


COMMANDS = [
    pytest.param(["run", "--once"], id="run --once"),
    *(
        pytest.param(command, id=" ".join(command), marks=pytest.mark.slow)
        for command in (["run"], ["quarantine", "retry"], ["backfill", "--since", "1d"])
    ),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_an_archive_without_its_ledger_is_refused_and_left_alone(state, command):
    before = archived(state)
    lose_database(state)

    process = run_collector(*command, "-c", state, cwd=state.parent)

    assert 1 == process.returncode
    assert "restore it" in process.stderr
    assert "Nothing was changed" in process.stderr
    assert before == archived(state) != {}


READING_COMMANDS = [("status",), ("alerts", "list"), ("hunt", "SELECT count(*) FROM events")]


@pytest.mark.parametrize("command", READING_COMMANDS, ids=lambda command: command[0])
@pytest.mark.parametrize("is_left", [True, False], ids=["empty", "gone"])
def test_reading_commands_do_not_say_that_nothing_was_collected(state, command, is_left):
    lose_database(state)
    if is_left:
        (state.parent / "state" / "state.db").touch(mode=0o600)

    refused = invoke_command(*command, "-c", state).exception

    assert isinstance(refused, ArchiveWithoutLedgerError)
    assert "event files, and the state database" in str(refused)
    assert "collector archive adopt" in str(refused)


@pytest.mark.slow
def test_the_ledger_of_another_archive_is_refused(state, tmp_path):
    """Such as a `database_url` that points to the wrong database."""
    other = tmp_path / "other"
    other.mkdir()
    config = write_config(other, "http://127.0.0.1:9", channels={"here": {"type": "terminal"}})
    run_collector("run", "--once", "-c", config, cwd=other)
    before = archived(state)
    lose_database(state)
    shutil.copy(other / "state" / "state.db", state.parent / "state" / "state.db")

    process = run_collector("run", "--once", "-c", state, cwd=state.parent)

    assert 1 == process.returncode
    assert "is not the one that knows them" in process.stderr
    assert before == archived(state) != {}


@pytest.mark.slow
def test_what_an_older_ledger_does_not_know_is_set_aside_and_told(state):
    before = archived(state)
    with sqlite3.connect(state.parent / "state" / "state.db") as database:
        database.execute("DELETE FROM files WHERE path = (SELECT min(path) FROM files)")
    database.close()

    process = run_collector("run", "--once", "-c", state, cwd=state.parent)

    assert "strays_set_aside" in process.stderr
    [stray] = (state.parent / "state" / "strays").rglob("*.parquet")
    assert stray.read_bytes() in before.values()
    after = archived(state)
    assert before.items() >= after.items()
    assert len(before) - 1 == len(after)


@pytest.mark.slow
def test_an_archive_of_the_version_before_is_taken_over(state):
    """Neither it nor its database says which belongs to which; the committed files do."""
    (state.parent / "state" / "archive" / "_ledger_id").unlink()
    write_earlier_state(state.parent / "state", "0001").dispose()
    before = archived(state)

    process = run_collector("run", "--once", "-c", state, cwd=state.parent)

    assert "strays" not in process.stderr
    assert before.items() <= archived(state).items()
    marker = state.parent / "state" / "archive" / "_ledger_id"
    assert "0600" == f"{marker.stat().st_mode & 0o777:04o}"


@pytest.mark.slow
def test_a_daemon_whose_database_is_deleted_writes_it_back_and_ends(state):
    before = archived(state)
    daemon = subprocess.Popen(
        [*COMMAND, "run", "-c", str(state)],
        cwd=state.parent,
        env={**os.environ, "SF_SECRET": SECRET},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert any("daemon_started" in line for line in daemon.stderr)
    lose_database(state)
    _, errors = daemon.communicate(timeout=60)

    assert 1 == daemon.returncode
    assert "what it held was written back: start the collector again" in errors.splitlines()[-1]
    assert 0 == run_collector("run", "--once", "-c", state, cwd=state.parent).returncode
    assert before.items() <= archived(state).items()
