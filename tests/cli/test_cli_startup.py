"""A command loads what it needs: what others need, and takes long to load, stays where it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from cli.processes import SECRET

HEAVY_MODULES = frozenset(
    {
        "alembic",
        "apscheduler",
        "collector.backup.snapshots",
        "cryptography",
        "duckdb",
        "httpx",
        "jinja2",
        "jwt",
        "lxml",
        "pygments",
        "requests",
        "sigma",
        "simple_salesforce",
        "sqlalchemy",
        "sqlalchemy.dialects.postgresql",
        "sqlglot",
        "starlette",
        "structlog",
        "uvicorn",
        "zeep",
    }
)

ENGINE, RULES, STATE = "duckdb", "sigma", "sqlalchemy"

NEEDED_MODULES = {
    "--help": set(),
    "alerts list": {STATE},
    "deliveries list": {STATE},
    "quarantine list": set(),
    "rules lint": {RULES, ENGINE},
    "rules coverage": {RULES, ENGINE, STATE},
    "status": {STATE},
}
"""What of it each command loads, of a state in which something was collected."""

SCRIPT = """
import json, os, sys
from types import ModuleType

def run_command(line, config):
    sys.argv = ["collector", *line.split(), *(["-c", config] if config else [])]
    sys.stdout = open(os.devnull, "w")
    try:
        main()
    except SystemExit as end:
        return end.code, [name for name, module in sys.modules.items() if is_loaded(module)]

from collector.cli import main
from collector.deferred_modules import is_loaded

for line, config in json.loads(sys.argv[1]):
    read_end, write_end = os.pipe()
    if os.fork() == 0:
        os.write(write_end, json.dumps([line, *run_command(line, config)]).encode() + b"\\n")
        os._exit(0)
    os.close(write_end)
    with open(read_end) as answer:
        print(answer.read(), end="", flush=True)
    os.wait()
"""
"""Runs each command in a fork of a process that has loaded nothing but the command line."""


@pytest.fixture(scope="module")
def outcomes(polled):
    """By command, its exit code and the modules that it has loaded."""
    commands = [
        (line, "" if line.startswith(("--help", "rules li")) else str(polled.config))
        for line in NEEDED_MODULES
    ]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(commands)],
        cwd=polled.config.parent,  # not where an import would find another collector
        env={**os.environ, "SF_SECRET": SECRET},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=60,
    )
    answers = map(json.loads, done.stdout.splitlines())
    return {line: (code, set(modules)) for line, code, modules in answers}


@pytest.mark.slow
@pytest.mark.parametrize(("line", "needed"), NEEDED_MODULES.items())
def test_a_command_loads_only_what_it_needs(outcomes, line, needed):
    code, loaded = outcomes[line]

    assert (0, needed) == (code, loaded & HEAVY_MODULES)
