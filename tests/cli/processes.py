"""Runs the command line as people do: a process of its own, with its output and exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from collector.cli import cli
from collector.sources import SOURCES

SECRET = "k7Fq2mZx9-canary"
MEDDLING_VARIABLES = {
    "COLLECTOR_CONFIG",
    "COLUMNS",
    "FORCE_COLOR",
    "PYTHONIOENCODING",
    "PYTHONUNBUFFERED",
}
"""What somebody's environment may hold, and what would change how a process behaves."""

USUAL_SOURCES = {"org_limits": False}
"""All but the one that has something to tell at every poll."""

FEW_SOURCES = {spec.kind: False for spec in SOURCES} | {"setup_audit_trail": {}}
"""Of which a pass is quick, where it is not about what they bring."""

COMMAND = (sys.executable, "-m", "collector")


def run_collector(
    *arguments: object, cwd: Path, stdout: int = subprocess.PIPE, **environ: str
) -> subprocess.CompletedProcess[str]:
    """A finished process. It knows the org's secret, and no configuration but a named one."""
    inherited = {
        name: value for name, value in os.environ.items() if name not in MEDDLING_VARIABLES
    }
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=cwd,
        env={**inherited, "SF_SECRET": SECRET, **environ},
        stdout=stdout,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


def invoke_command(*arguments: object, **environ: str) -> Result:
    """The command inside this process, where another one would show nothing more."""
    known = {**dict.fromkeys(MEDDLING_VARIABLES), "SF_SECRET": SECRET, **environ}
    return CliRunner().invoke(cli, [str(each) for each in arguments], env=known)


def parse_lines(result: Result) -> list[Any]:
    """The JSON objects that a command printed, one on each line."""
    return [json.loads(line) for line in result.stdout.splitlines()]


def write_config(
    folder: Path, login_url: str, *, sources: Mapping[str, Any] = USUAL_SOURCES, **changes: Any
) -> Path:
    """A configuration for one org, `acme`, in its folder; the secret is in the environment."""
    auth = {
        "flow": "client_credentials",
        "client_id": "3MVG9.acme.collector",
        "client_secret": "${env:SF_SECRET}",
    }
    org = {"name": "acme", "login_url": login_url, "auth": auth, "sources": dict(sources)}
    path = folder / "collector.yaml"
    path.write_text(json.dumps({"state_dir": "state", "orgs": [org], **changes}))
    return path
