"""Logs: one event is one line of JSON on stderr, and no secret is in it."""

import json

import pytest
import structlog

from collector import logs
from hostile.strings import HOSTILE_STRINGS


@pytest.fixture(autouse=True)
def afterwards():
    yield
    structlog.reset_defaults()


def lines(capsys):
    out, err = capsys.readouterr()
    assert "" == out
    return err.splitlines()


def test_an_event_is_one_json_object_with_time_and_level(capsys):
    logs.configure_logging()
    logs.log.info("batch_stored", rows=3, reason="one\ntwo")

    (line,) = lines(capsys)
    logged = json.loads(line)
    assert ("batch_stored", "info", 3, "one\ntwo") == (
        logged["event"],
        logged["level"],
        logged["rows"],
        logged["reason"],
    )
    assert logged["time"].endswith("Z")


def test_events_below_the_level_are_not_logged(capsys):
    logs.configure_logging(level="error")
    logs.log.warning("poll_failed")

    assert [] == lines(capsys)


def test_no_hostile_text_breaks_a_line_or_reaches_the_terminal_raw(capsys):
    logs.configure_logging()
    for text in HOSTILE_STRINGS:
        logs.log.info("poll_failed", reason=text)

    logged = lines(capsys)
    assert len(HOSTILE_STRINGS) == len(logged)
    assert all(line.isascii() and line.isprintable() for line in logged)


def test_secrets_are_hidden_in_values_and_in_tracebacks(capsys):
    logs.configure_logging(secrets=["canary-1", "-----BEGIN\ncanary-2\n-----END", ""])

    try:
        int("canary-1")
    except ValueError:
        logs.log.exception("failed", reason="before -----BEGIN\ncanary-2\n-----END after")

    (line,) = lines(capsys)
    assert "canary" not in line
    assert "before *** after" in line
