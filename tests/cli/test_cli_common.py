"""What is printed acts on nothing, and JSON is JSON."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from collector.api.json_values import to_json_value
from collector.cli import output
from collector.model import Severity
from hostile.strings import HOSTILE_STRINGS


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (7, 7),
        (1.5, 1.5),
        (math.nan, None),
        (math.inf, None),
        (Decimal("1.50"), 1.5),
        (Severity.HIGH, "high"),
        (datetime(2026, 3, 1, 12, tzinfo=UTC), "2026-03-01T12:00:00.000Z"),
        (date(2026, 3, 1), "2026-03-01"),
        (time(12, 30), "12:30:00"),
        (b"\x00A", "0041"),
        (Path("a/b"), "a/b"),
        ((1, Severity.LOW), [1, "low"]),
        ({date(2026, 3, 1): frozenset({2})}, {"2026-03-01": [2]}),
    ],
    ids=repr,
)
def test_every_value_has_one_form_in_json(value, expected):
    assert expected == to_json_value(value)


def test_json_is_one_line_of_printable_ascii_and_says_what_was_said(capsys):
    for value in HOSTILE_STRINGS:
        output.print_json({"value": value})
        (line,) = capsys.readouterr().out.removesuffix("\n").split("\n")

        assert line.isascii()
        assert line.isprintable()
        assert {"value": value} == json.loads(line)


@pytest.mark.parametrize("say", [output.print_line, output.print_stderr, output.print_paragraph])
def test_a_sentence_shows_hostile_text_and_does_nothing_else(say, capsys):
    for value in HOSTILE_STRINGS:
        say(value)
        printed = "".join(capsys.readouterr())

        assert printed.replace("\n", "").isprintable()


def test_a_table_shows_hostile_text_as_text_in_cells_headers_and_title(capsys):
    for value in (*HOSTILE_STRINGS, "[bold]x[/bold]", ":warning:"):
        rows = output.build_table(
            value, output.build_fixed_column(value), output.build_number_column(value), title=value
        )
        rows.add_row(*output.to_cells([value, value, value]))
        output.print_table(rows)
        printed = capsys.readouterr().out

        assert printed.replace("\n", "").isprintable()

    assert ":warning:" in printed


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(seconds=-3), "0 s"),
        (timedelta(seconds=59), "59 s"),
        (timedelta(minutes=1), "1 min"),
        (timedelta(minutes=59, seconds=59), "59 min"),
        (timedelta(hours=5, minutes=20), "5 h 20 min"),
        (timedelta(hours=47, minutes=59), "47 h 59 min"),
        (timedelta(days=3, hours=5), "3 d"),
    ],
)
def test_a_length_of_time_has_at_most_two_units(length, words):
    assert words == output.format_duration(length)


def test_one_is_no_plural():
    assert "1 alert" == output.format_count(1, "alert")
    assert "0 alerts" == output.format_count(0, "alert")
    assert "1,234 alerts" == output.format_count(1_234, "alert")


def test_those_of_whom_the_same_is_said_are_named_together():
    said = [("A", "no A here"), ("B", "all fine"), ("C", "no C here")]

    assert [(["A", "C"], "no them here"), (["B"], "all fine")] == output.group_by_message(said)
    assert [(["A"], "no A here")] == output.group_by_message(said[:1])
