"""Files of logins, each an alert of its own, and a state that is lost."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from datetime import UTC, datetime, timedelta

from click.testing import CliRunner

from collector.cli import cli
from fakes.collector_setup import build_log_file

HOUR = timedelta(hours=1)
START = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - 20 * HOUR
CLI = "Salesforce-CLI/1.0"
"""An agent that a rule tells of."""


def log(org, *numbers, agent=CLI):
    """Files of three logins, each file an alert of its own."""
    org.store.add_files([build_log_file(n, START + n * HOUR / 2, agent=agent) for n in numbers])


def run(config, *command):
    """The command, in this process: to start another one takes longer than what it does."""
    return CliRunner().invoke(cli, [*map(str, command), "-c", str(config)])


def succeed(config, *command):
    finished = run(config, *command)
    assert 0 == finished.exit_code, (finished.stderr, finished.exception)
    return finished.stdout


def tell(receiver):
    """By the file that it is about, how often each message came, and how often without a mark."""
    told, unmarked = Counter(), Counter()
    for body in receiver.bodies:
        text = json.dumps(body)
        number = int(text.split("user")[1][:4])
        told[number] += 1
        unmarked[number] += "possible repeat" not in text
    return told, unmarked


def expect_users(*numbers):
    return sorted(f"user{n:04}-{row:03}@example.com" for n in numbers for row in range(3))


def lose_state(config, *, archive_too=False, journal_too=False):
    state = config.parent / "state"
    for path in state.glob("state.db*"):
        path.unlink()
    if archive_too:
        shutil.rmtree(state / "archive")
    if journal_too:
        (state / "told.jsonl").unlink()


def json_lines(config, *command):
    return [json.loads(line) for line in succeed(config, *command).splitlines()]
