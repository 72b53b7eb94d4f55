"""Segments as they come from strangers: whatever can be read is read, nothing else is guessed."""

from __future__ import annotations

import csv

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector import normalize

HOSTILE = [
    'say "hello"',
    "two\nlines",
    "two\r\nlines",
    "a;b|c\td",
    "'; DROP TABLE events; --",
    "\"); ATTACH '/tmp/x'; --",
    'a,b\n"Login","x"',
    '"',
    '""',
    "\\",
    "\u202eevil \U0001f600 é",
    "NULL",
    "=1+1",
    "%s%n{0}${x}",
    "nul\0inside",
    "lone\rreturn",
]


def test_hostile_values_come_out_as_they_went_in(normalizer):
    events = normalizer.normalize_rows(
        "Login", ["EVENT_TYPE", "NOTE"], *(["Login", v] for v in HOSTILE)
    )

    assert [event["NOTE"] for event in events] == HOSTILE


@pytest.mark.parametrize("column", ["USER_ID", "CLIENT_IP", "BROWSER_TYPE", "QUERY", "TIMESTAMP"])
@pytest.mark.parametrize(
    "reading", ["USER_NAME", "ROWS_PROCESSED", "Score", "Display", "CreatedBy"]
)
def test_hostile_values_break_no_reading(normalizer, column, reading):
    rows = [[value, value] for value in HOSTILE]

    assert len(normalizer.normalize_rows("SetupAuditTrail", [column, reading], *rows)) == len(
        HOSTILE
    )


def test_hostile_column_names_break_nothing(normalizer):
    columns = ["USER_ID", 'x" FROM t; --', "'; DROP", "a\nb", "", " ", "é", "user_id", "User_Id"]
    columns += ["dup", "dup", "DUP", "c0", "given_time", "SELECT", "row_number()", "n" * 500]

    [event] = normalizer.normalize_rows(
        "AnythingNew", columns, [f"v{n}" for n in range(len(columns))]
    )

    assert set(event.values()) >= {f"v{n}" for n in range(len(columns))}


def test_a_file_of_unknown_columns_alone_is_kept(normalizer):
    [event] = normalizer.normalize_rows("AnythingNew", ["A", "B"], ["1", "2"])

    assert (event["A"], event["B"], event["user_id"]) == ("1", "2", None)


def test_empty_text_is_null_everywhere(normalizer):
    [event] = normalizer.normalize_rows("Login", ["USER_ID", "SESSION_KEY", "NOTE"], ["", "", ""])

    assert [event[name] for name in ("raw_USER_ID", "session_key", "NOTE")] == [None] * 3


def test_blank_text_is_kept(normalizer):
    assert normalizer.normalize_record("Login", NOTE=" ")["NOTE"] == " "


def test_repeated_header_lines_are_no_events(normalizer):
    events = normalizer.normalize_rows(
        "Login", ["EVENT_TYPE", "NOTE"], ["Login", "1"], ["EVENT_TYPE", "NOTE"], ["Login", "2"]
    )

    assert [event["NOTE"] for event in events] == ["1", "2"]
    assert [event["event_uid"][-2:] for event in events] == [":1", ":2"]


def test_rows_without_a_type_are_events(normalizer):
    assert len(normalizer.normalize_rows("Login", ["EVENT_TYPE", "NOTE"], ["", "1"])) == 1


def test_a_segment_with_a_header_alone_has_no_events(normalizer):
    assert normalizer.normalize_rows("Login", ["EVENT_TYPE", "NOTE"]) == []


def test_lines_may_end_in_both_characters(normalizer):
    columns = ["EVENT_TYPE", "NOTE"]
    path = normalizer.write_csv(columns, [["Login", "a\r\nb"], ["Login", ""]], line_end="\r\n")

    events, _ = normalizer.normalize_segment("Login", columns, path)

    assert [event["NOTE"] for event in events] == ["a\r\nb", None]


def test_the_last_line_may_lack_its_end(normalizer):
    path = normalizer.write_csv(["NOTE", "MORE"], [["1", "2"]])
    path.write_bytes(path.read_bytes().removesuffix(b"\n"))

    assert len(normalizer.normalize_segment("Login", ["NOTE", "MORE"], path)[0]) == 1


def test_a_field_may_have_five_megabytes(normalizer):
    text = ("SELECT 'x', \"y\"\n" * 350_000)[: 5 << 20]

    event = normalizer.normalize_record("RestApi", QUERY=text, ENTITY_NAME="")

    assert event["query"] == text
    assert event["entity"] is None


@pytest.mark.parametrize(
    "body",
    [b'"1","2","3"\n', b'"1"\n', b'"1","a"b"\n', b'"1","caf\xe9"\n'],
    ids=["too many", "too few", "a quote too many", "no UTF-8"],
)
def test_a_segment_that_is_not_what_it_should_be_is_refused(normalizer, body):
    path = normalizer.write_csv(["A", "B"], [["1", "2"]])
    path.write_bytes(path.read_bytes() + body)

    with pytest.raises(duckdb.InvalidInputException):
        normalizer.normalize_segment("Login", ["A", "B"], path)


FIELDS = st.text(st.sampled_from('\n\r",a;\\\té '), max_size=6)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(st.tuples(FIELDS, FIELDS, FIELDS), max_size=6),
    line_end=st.sampled_from(["\n", "\r\n"]),
)
def test_whatever_can_be_written_as_csv_is_read_back(normalizer, duck, rows, line_end):
    columns = ["A", "B", "C"]
    path = normalizer.write_csv(columns, rows, line_end=line_end)

    read = duck.execute(
        f"SELECT * FROM {normalize.build_segment_relation(path, columns).sql}"
    ).fetchall()

    assert read == [tuple(text or None for text in row) for row in rows]


def test_names_of_directories_are_text_too(normalizer, duck, tmp_path):
    path = tmp_path / "it's [a] *.csv"
    normalizer.write_csv(["A"], [["1"]]).rename(path)

    relation = normalize.build_segment_relation(path, ["A"])
    rows = duck.execute(f"SELECT * FROM {relation.sql}").fetchall()

    assert rows == [("1",)]


# ---- repair


def repair(path, columns):
    """The repaired file, and the bad records: number, line, reason and content."""
    target, bad = path.with_suffix(".repaired"), []
    normalize.repair_segment(
        path,
        target,
        columns,
        keep_record=lambda record: bad.append(
            (record.ordinal, record.line, record.reason, bytes(record.content))
        ),
    )
    return target, bad


def test_repair_makes_a_segment_readable_and_keeps_its_records(normalizer, duck):
    path = normalizer.write_csv(["A", "B"], [["1", "two\nlines"], ["3", "4"]])
    path.write_bytes(path.read_bytes().replace(b"two", b't\0w\xe9\xff"",'))

    target, bad = repair(path, ["A", "B"])

    relation = normalize.build_repaired_relation(target, ["A", "B"])
    rows = duck.execute(f"SELECT * FROM {relation.sql}").fetchall()
    assert rows == [("1", 'tw\ufffd\ufffd",\nlines', "1"), ("3", "4", "2")]
    assert bad == []


def test_repair_leaves_quotes_alone_that_follow_half_a_character(normalizer):
    path = normalizer.write_csv(["A", "B"], [["1", "2"]])
    path.write_bytes(b'"A","B"\n"\xe2\x82","\xf0"\n"\xc3","2"\n')

    target, _ = repair(path, ["A", "B"])

    with target.open(newline="") as file:
        assert list(csv.reader(file)) == [
            ["x", "x", "x"],
            ["\ufffd", "\ufffd", "1"],
            ["\ufffd", "2", "2"],
        ]


def test_repair_hands_over_bad_records_with_their_numbers(normalizer):
    path = normalizer.write_csv(["A", "B"], [["1", "x\ny"], ["3", "4"]])
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], b"\n", b'"5"\n', *lines[3:]]))

    target, bad = repair(path, ["A", "B"])

    assert bad == [(2, 5, "1 column instead of 2", b'"5"\n')]
    assert target.read_bytes() == b'x,x,x\n"1","x\ny",1\n"3","4",3\n'


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=st.lists(st.tuples(FIELDS, FIELDS), min_size=1, max_size=6))
def test_a_repaired_segment_is_read_as_the_whole_one(normalizer, duck, rows):
    columns = ["A", "B"]
    path = normalizer.write_csv(columns, rows)

    target, bad = repair(path, columns)

    relation = normalize.build_repaired_relation(target, columns)
    read = duck.execute(f"SELECT * FROM {relation.sql}").fetchall()
    assert bad == []
    assert read == [
        (*(text or None for text in row), str(number)) for number, row in enumerate(rows, 1)
    ]
