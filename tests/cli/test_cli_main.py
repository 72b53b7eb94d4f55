"""The command line as a whole: how it is asked for, how it fails, how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from cli.processes import invoke_command, run_collector, write_config

from collector.cli import COMMANDS
from collector.errors import CollectorError

HEAVY = ("duckdb", "sqlalchemy", "rich", "pydantic", "sigma", "httpx", "starlette")

PROBE = """
import sys
from collector.cli import main
try:
    main()
except SystemExit as end:
    print([name for name in %r if name in sys.modules], end.code)
"""


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_needs_nothing_that_is_slow_to_import(option):
    process = subprocess.run(
        [sys.executable, "-c", PROBE % (HEAVY,), option], capture_output=True, text=True, check=True
    )

    assert "[] 0" == process.stdout.splitlines()[-1]


def test_help_names_every_command_and_the_exit_codes():
    shown = invoke_command("--help").output

    assert all(f"  {name} " in shown for name in COMMANDS)
    assert "0 fine, 1 something failed, 2 usage or configuration" in shown


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name):
    result = invoke_command(name, "--help")

    assert 0 == result.exit_code
    assert f"Usage: cli {name}" in result.output


def test_a_command_that_does_not_exist_is_a_usage_error_that_names_the_nearest(tmp_path):
    process = run_collector("statu", cwd=tmp_path)

    assert 2 == process.returncode
    assert "no command is called 'statu'; did you mean 'status'?" in process.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("frobnicate",),
        ("rules", "frobnicate"),
        ("run", "--twice"),
        ("alerts", "list", "--since", "5 hours"),
        ("alerts", "list", "--min-severity", "dreadful"),
        ("alerts", "show"),
        ("scan",),
        ("scan", "nothing-here.csv"),
        ("hunt", "--limit", "0", "SELECT 1"),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_told_and_exits_with_2(arguments):
    result = invoke_command(*arguments)

    assert 2 == result.exit_code
    assert "Error: " in result.stderr
    assert "" == result.stdout


def test_without_a_configuration_it_is_said_how_to_name_one_and_where_to_find_an_example(tmp_path):
    process = run_collector("run", "--once", cwd=tmp_path)

    assert 2 == process.returncode
    for words in ("collector.yaml", "-c", "$COLLECTOR_CONFIG", "collector.example.yaml"):
        assert words in process.stderr
    assert [] == list(tmp_path.iterdir())


@pytest.mark.slow
def test_every_mistake_of_a_configuration_has_its_place_and_exits_with_2(tmp_path):
    config = tmp_path / "wrong.yaml"
    config.write_text('orgs: 5\nchanels: {}\n"\\e[31m": 1\n')
    process = run_collector("check", "-c", config, cwd=tmp_path)

    assert 2 == process.returncode
    places = [line.removeprefix(f"{config}:")[:4] for line in process.stderr.splitlines()]
    assert ["1:7:", "2:1:", "3:1:"] == places
    assert "\x1b" not in process.stderr


def test_the_environment_names_a_configuration(tmp_path):
    config = write_config(tmp_path, "https://acme.my.salesforce.com")
    result = invoke_command("status", COLLECTOR_CONFIG=str(config))

    with pytest.raises(CollectorError, match="nothing has been collected yet"):
        raise result.exception


@pytest.mark.parametrize("command", [("status",), ("alerts", "list"), ("hunt", "SELECT 1")])
def test_what_only_looks_makes_no_state(tmp_path, command):
    config = write_config(tmp_path, "https://acme.my.salesforce.com")
    result = invoke_command(*command, "-c", config)

    assert 1 == result.exit_code
    assert [config] == list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_fault_of_the_machine_is_one_sentence(tmp_path):
    (tmp_path / "state").write_text("a file where the folder should be")
    config = write_config(tmp_path, "https://acme.my.salesforce.com")
    process = run_collector("run", "--once", "-c", config, cwd=tmp_path)

    assert 1 == process.returncode
    assert process.stderr.startswith(f"Error: {tmp_path / 'state'} is no folder: ")
    assert 1 == process.stderr.count("\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ("rules", "list"),
        ("hunt", "--format", "csv", "SELECT * FROM Login"),
        ("alerts", "list", "--json"),
    ],
    ids=" ".join,
)
def test_a_reader_that_goes_away_is_no_reason_to_complain(polled, arguments):
    """As in `collector … | head -1`, with the pipe closed before anything is written."""
    reader, writer = os.pipe()
    os.close(reader)
    config = {"COLLECTOR_CONFIG": str(polled.config)}
    process = run_collector(*arguments, cwd=polled.config.parent, stdout=writer, **config)
    os.close(writer)

    assert (1, "") == (process.returncode, process.stderr)


@pytest.mark.slow
def test_an_output_that_cannot_show_a_character_shows_its_code(polled):
    sql = "SELECT chr(9731) AS snowman"
    process = run_collector(
        "hunt", "-c", polled.config, sql, cwd=polled.config.parent, PYTHONIOENCODING="ascii"
    )

    assert (0, "") == (process.returncode, process.stderr)
    assert "\\u2603" in process.stdout


def test_one_pass_collects_detects_and_tells(polled):
    assert 0 == polled.first_run.returncode
    assert "3 events stored, 1 message delivered" in polled.first_run.stdout
    assert "\x1b" not in polled.first_run.stdout
    assert all(json.loads(line)["event"] for line in polled.first_run.stderr.splitlines())
