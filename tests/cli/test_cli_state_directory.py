"""A state directory that is not the collector's alone is refused in a sentence, before anything."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from cli.processes import COMMAND, invoke_command, write_config

from collector.errors import CollectorError


@pytest.fixture
def config(tmp_path):
    return write_config(tmp_path, "http://127.0.0.1:9", channels={"here": {"type": "terminal"}})


@pytest.fixture
def state(tmp_path):
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    return folder


def refuse(config, *command):
    """What a command that works on the state says of it."""
    result = invoke_command(*(command or ("run", "--once")), "-c", config)
    assert isinstance(result.exception, CollectorError), result.output
    return str(result.exception)


def test_a_folder_into_which_others_may_write(config, state):
    state.chmod(0o777)

    assert f"run chmod go-w {state}" in refuse(config)
    assert [] == list(state.iterdir())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_somebody_else(config, state):
    os.chown(state, 65534, -1)

    assert "(uid 65534), and the collector runs as root" in refuse(config)
    assert [] == list(state.iterdir())


def test_a_link(config, state, tmp_path):
    state.rename(tmp_path / "elsewhere")
    state.symlink_to(tmp_path / "elsewhere")

    assert f"name the folder itself, {tmp_path / 'elsewhere'}" in refuse(config)
    assert [] == list((tmp_path / "elsewhere").iterdir())


def test_a_link_in_the_place_of_the_tokens(config, state, tmp_path):
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (state / "tokens").symlink_to(tmp_path / "elsewhere")

    assert f"{state / 'tokens'} is a link" in refuse(config)
    assert [] == list((tmp_path / "elsewhere").iterdir())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_tokens_of_somebody_else(config, state):
    (state / "tokens").mkdir(mode=0o700)
    os.chown(state / "tokens", 65534, -1)

    assert f"{state / 'tokens'} belongs to" in refuse(config)


def test_an_archive_on_another_disk_is_fine(config, state, tmp_path):
    (tmp_path / "disk").mkdir(mode=0o700)
    (state / "archive").symlink_to(tmp_path / "disk")

    assert 1 == invoke_command("run", "--once", "-c", config).exit_code
    assert (tmp_path / "disk" / "_ledger_id").exists()


def test_a_file(config, state):
    state.rmdir()
    state.write_text("")

    assert f"{state} is no folder" in refuse(config)


@pytest.mark.parametrize("name", ["lock", "state.db"])
def test_a_folder_or_a_link_in_the_place_of_a_file(config, state, name):
    (state / name).mkdir()
    assert f"{state / name} is a folder" in refuse(config)

    (state / name).rmdir()
    (state / name).symlink_to("/etc/passwd")
    assert f"{state / name} is a link" in refuse(config)


@pytest.mark.parametrize("command", [("status",), ("alerts", "list"), ("hunt", "SELECT 1")])
def test_reading_commands_name_a_database_that_is_a_folder(config, state, command):
    (state / "state.db").mkdir()

    assert "state.db is a folder" in refuse(config, *command)


@pytest.mark.parametrize("command", [("run", "--once"), ("archive", "adopt")])
def test_a_ledger_id_that_is_none(config, state, command):
    (state / "archive").mkdir(mode=0o700)
    (state / "archive" / "_ledger_id").write_bytes(b"\xff\xfe")

    assert "_ledger_id does not hold the id of a ledger" in refuse(config, *command)


CRASH = """
import os, sys
from collector.cli import main
sys.argv = ["collector", "--version"]
try:
    main()
except SystemExit:
    os.abort()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel of Linux")
def test_a_crash_leaves_no_memory_behind(tmp_path):
    crashed = subprocess.run([sys.executable, "-c", CRASH], cwd=tmp_path, check=False)
    assert crashed.returncode < 0
    assert [] == list(tmp_path.iterdir())

    ask = CRASH.replace(
        "os.abort()",
        "import ctypes, resource;"
        " print(ctypes.CDLL(None).prctl(3), resource.getrlimit(resource.RLIMIT_CORE))",
    )
    asked = subprocess.run([*COMMAND[:1], "-c", ask], capture_output=True, text=True, check=True)
    assert "0 (0, 0)" == asked.stdout.splitlines()[-1]
