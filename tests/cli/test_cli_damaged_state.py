"""A state database with flipped bits: right, or refused in a sentence; never a traceback."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3

import pytest
from cli.processes import invoke_command, write_config

from collector.errors import CollectorError

CASES = 80 if os.environ.get("COLLECTOR_TEST_PROFILE") == "thorough" else 22

READING_COMMANDS = [
    ("status",),
    ("status", "--completeness"),
    ("alerts", "list"),
    ("alerts", "list", "--json"),
    ("deliveries", "list"),
    ("hunt", "SELECT count(*) FROM events"),
]


@pytest.fixture
def state(polled, tmp_path):
    """A copy of the state directory that the first pass has left, with its configuration."""
    shutil.copytree(polled.config.parent / "state", tmp_path / "state")
    channels = {"here": {"type": "terminal"}}
    # Rules are no part of the database: hundreds of commands need not load them.
    rules = {"disable": ["*"]}
    return write_config(tmp_path, polled.org.base_url, channels=channels, rules=rules)


def damage(state, content, written, seed):
    """Flip one to eight bits of the database in places where something is written."""
    chance = random.Random(seed)
    flipped = bytearray(content)
    for _ in range(chance.randint(1, 8)):
        flipped[chance.choice(written)] ^= 1 << chance.randrange(8)
    (state.parent / "state" / "state.db").write_bytes(flipped)


def is_sound(database):
    """What SQLite itself says of the whole file."""
    connection = sqlite3.connect(database)
    try:
        return [("ok",)] == connection.execute("PRAGMA integrity_check").fetchall()
    except (sqlite3.DatabaseError, UnicodeDecodeError):
        return False
    finally:
        connection.close()


@pytest.mark.slow
def test_flipped_bits_are_refused_or_cost_what_they_hit(state):
    database = state.parent / "state" / "state.db"
    content = database.read_bytes()
    written = [place for place, byte in enumerate(content) if byte]
    refused = 0
    for seed in range(CASES):
        damage(state, content, written, seed)
        sound = is_sound(database)
        damaged = database.read_bytes()
        for command in (*READING_COMMANDS, ("run", "--once")):
            result = invoke_command(*command, "-c", state)
            error = result.exception
            assert error is None or isinstance(error, CollectorError | SystemExit), (
                seed,
                command,
                error,
            )
            if not sound:
                assert isinstance(error, CollectorError), (seed, command, result.output)
        refused += not sound
        if not sound:
            assert damaged == database.read_bytes(), "the evidence is left alone"
        for path in database.parent.glob("state.db-*"):
            path.unlink()
    assert refused >= CASES // 4
