from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.salesforce.soql import check_identifier, parse_datetime, render_literal

NOON = datetime(2026, 10, 1, 12, 34, 56, 123_999, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-5, "-5"),
        ("", "''"),
        ("O'Neill", r"'O\'Neill'"),
        ('a\\b"c', r"'a\\b\"c'"),
        ("a\nb\r\tc", r"'a\nb\r\tc'"),
        ("é 日", "'é 日'"),
        (NOON, "2026-10-01T12:34:56.123Z"),
        (NOON.replace(microsecond=0), "2026-10-01T12:34:56.000Z"),
        (
            NOON.astimezone(timezone(timedelta(hours=2))),
            "2026-10-01T12:34:56.123Z",
        ),
    ],
)
def test_a_literal_says_its_value(value, expected):
    assert render_literal(value) == expected


@pytest.mark.parametrize("value", ["a\0b", "\x1b", "\x7f", "\ud800", datetime(2026, 1, 1)])  # noqa: DTZ001
def test_what_soql_cannot_say_is_refused(value):
    with pytest.raises(ValueError):
        render_literal(value)


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]) | st.sampled_from("'\\\n\"")))
def test_no_text_ends_its_literal_early(text):
    inner = render_literal(text)[1:-1]
    position = 0
    while position < len(inner):
        assert inner[position] != "'"
        position += 2 if inner[position] == "\\" else 1
    assert position == len(inner)


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_comes_back_within_its_millisecond(moment):
    back = parse_datetime(render_literal(moment))

    assert timedelta() <= moment - back < timedelta(milliseconds=1)


@pytest.mark.parametrize(
    "name", ["Id", "CreatedBy.Username", "My_Object__c", "ns__Thing__r.Owner.Name", "a1"]
)
def test_a_name_is_an_identifier(name):
    assert check_identifier(name) == name


@pytest.mark.parametrize(
    "name", ["", "1a", "_a", "a b", "a;b", "a.", ".a", "a..b", "a.1", "a\n", "é", "COUNT()"]
)
def test_anything_else_is_none(name):
    with pytest.raises(ValueError):
        check_identifier(name)


@pytest.mark.parametrize(
    "text",
    [
        "2026-10-01T12:34:56.000+0000",
        "2026-10-01T12:34:56.000Z",
        "2026-10-01T12:34:56Z",
        "2026-10-01T12:34:56.000+00:00",
        "2026-10-01T14:34:56+0200",
    ],
)
def test_every_way_to_write_a_time_is_read(text):
    assert parse_datetime(text) == datetime(2026, 10, 1, 12, 34, 56, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "x", "2026-10-01", "2026-10-01T12:34:56", "0001-01-01T00:00:00+2300", "\0"]
)
def test_a_time_that_is_none_is_refused(text):
    with pytest.raises(ValueError):
        parse_datetime(text)
