"""Rule files mean by a scalar what YAML 1.1 says, but for dates, which are text as written."""

from __future__ import annotations

import math

import pytest

from collector.yaml_source.dialect import SIGMA


@pytest.fixture
def value_of(read):
    """The value of a text that stands behind a key."""

    def value_of(text):
        (root,), lines = read(f"key: {text}", SIGMA)
        assert [] == lines
        return root.get_child("key").value

    return value_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("~", None),
        ("NULL", None),
        ("nULL", "nULL"),
        ("true", True),
        ("Yes", True),
        ("on", True),
        ("no", False),
        ("OFF", False),
        ("y", "y"),
        ("0", 0),
        ("+5", 5),
        ("-7", -7),
        ("010", 8),
        ("08", "08"),
        ("0x1F", 31),
        ("0b101", 5),
        ("1_000", 1000),
        ("1:30", 90),
        ("9" * 30, 10**30 - 1),
        ("1.5", 1.5),
        ("-1.5e+3", -1500.0),
        ("1e3", "1e3"),
        (".5", 0.5),
        (".inf", math.inf),
        ("10.0.0.1", "10.0.0.1"),
        ("2026-11-20", "2026-11-20"),
        ("2026-11-20T10:00:00Z", "2026-11-20T10:00:00Z"),
        ("'5'", "5"),
        ('"null"', "null"),
        ("|\n  5\n", "5\n"),
        (">\n  a\n  b\n", "a b\n"),
        ("!!str 5", "5"),
        ("!!int '5'", 5),
        ("!!timestamp 2026-11-20", "2026-11-20"),
        ("! 5", 5),
    ],
)
def test_a_scalar_is_what_sigma_tools_read(value_of, text, expected):
    actual = value_of(text)

    assert expected == actual
    assert type(expected) is type(actual)


@pytest.mark.parametrize(
    "text",
    ["=", "<<", "9" * 4001, "1" + ":59" * 2000, "!!int x", "!!int", "!!bool maybe", "!!float ''"],
)
def test_what_has_no_value_is_told_at_its_place(read, text):
    assert ["1:6: a value that YAML cannot build"] == read(f"key: {text}", SIGMA)[1]


@pytest.mark.parametrize("text", ["5", "1.5", "yes", "~", "<<", "=", "!!int 5"])
def test_a_key_that_is_no_text_must_be_quoted(read, text):
    assert ["1:2: a key must be text; put it into quotes"] == read(f"{{{text} : x}}", SIGMA)[1]
