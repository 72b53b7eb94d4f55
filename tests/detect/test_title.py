"""Titles: fields, fallbacks, formats, and what hostile values may not do."""

from datetime import UTC, datetime

import pytest

from collector.detect import title_template

FIELDS = frozenset({"user_name", "user_id", "record_count", "score", "time", "RowsProcessed"})
BULK = "Bulk ({record_count:,|unknown number of} records) by {user_name|user_id|unknown user}"

TABLE = [
    (BULK, {"record_count": 1234567, "user_name": "jo"}, "Bulk (1,234,567 records) by jo"),
    (BULK, {"user_id": "005"}, "Bulk (unknown number of records) by 005"),
    (BULK, {"record_count": 0, "user_name": "  "}, "Bulk (0 records) by unknown user"),
    ("{score|unknown} of 100", {"score": 7.000000000000001}, "7 of 100"),
    ("{score}", {"score": 85.5}, "85.5"),
    ("{score}", {"score": 0.0}, "0"),
    ("{score}", {}, "unknown"),
    ("{RowsProcessed:,}", {"RowsProcessed": "150000.0"}, "150,000"),
    ("{RowsProcessed:,|no rows}", {"RowsProcessed": "many"}, "no rows"),
    ("{RowsProcessed:,|no rows}", {"RowsProcessed": "inf"}, "no rows"),
    ("{RowsProcessed:,|no rows}", {"RowsProcessed": "1e999999999"}, "no rows"),
    ("{user_name|}!", {}, "!"),
    ("{user_name|a: b}", {}, "a: b"),
    ("{{user_name}} {user_name}", {"user_name": "{user_id}"}, "{user_name} {user_id}"),
    (
        "at {time}",
        {"time": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)},
        "at 2026-01-02 03:04:05 UTC",
    ),
    ("nothing to fill in", {}, "nothing to fill in"),
]


@pytest.mark.parametrize(("text", "event", "expected"), TABLE)
def test_the_first_field_with_a_value_is_shown(text, event, expected):
    assert expected == title_template.parse_template(text, FIELDS.__contains__).render_title(event)


WRONG = [
    ("{user_nam}", "unknown field 'user_nam'"),
    ("{user_nam|user_id}", "unknown field 'user_nam'"),
    ("{record_count:x}", "unknown format 'x'"),
    ("{user_name", "without its other half"),
    ("user_name}", "without its other half"),
    ("{user_{name}}", "without its other half"),
    ("{}", "unknown field ''"),
]


@pytest.mark.parametrize(("text", "words"), WRONG)
def test_a_template_that_cannot_be_filled_is_refused(text, words):
    with pytest.raises(ValueError, match=words):
        title_template.parse_template(text, FIELDS.__contains__)


@pytest.mark.parametrize("text", [row[0] for row in TABLE])
def test_a_template_reads_back_as_itself(text):
    template = title_template.parse_template(text, FIELDS.__contains__)

    assert template == title_template.parse_template(str(template), FIELDS.__contains__)


def test_renaming_touches_fields_alone():
    template = title_template.parse_template(
        "user_id {user_id|user_id of nobody}", FIELDS.__contains__
    )

    assert "user_id {raw_user_id|user_id of nobody}" == str(template.rename_fields("raw_{}".format))


def test_any_text_can_be_shown_as_it_is():
    text = "50% {of} }{ {{all}}"

    assert text == title_template.parse_template(
        title_template.escape_braces(text), FIELDS.__contains__
    ).render_title({})


def test_a_long_value_pushes_nothing_out():
    """A value is cut before it can fill the title, and the title has an end."""
    template = title_template.parse_template(
        "{user_name} {user_id} " + "x" * 400, FIELDS.__contains__
    )

    shown = template.render_title({"user_name": "a" * 10_000, "user_id": "b" * 10_000})

    assert len(shown) == title_template.MAX_TITLE_LENGTH
    assert shown.startswith("a" * 100)
    assert "b" * 100 in shown
