"""A record is read or it is not; no other one suffers for it."""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector import csv_records
from collector.csv_records import CsvRecordReader, has_one_record, open_csv_buffer, read_field
from collector.csv_segments import CsvSegmenter
from fakes.bad_records import BAD_RECORDS

HEADER = b",".join(b'"C%d"' % number for number in range(8)) + b"\n"
GOOD = [
    b",".join(b'"%d-%d"' % (row, column) for column in range(7)) + b',"a ""b""\nc,d"\n'
    for row in range(6)
]
FIELDS = st.text(st.sampled_from('"\n\r, a\u00e9'), max_size=8)
TABLES = st.integers(2, 4).flatmap(
    lambda width: st.lists(st.lists(FIELDS, min_size=width, max_size=width), max_size=8)
)


def read(data: bytes, width: int) -> list[tuple[bytes, str]]:
    records = CsvRecordReader(data, width).read_records()
    return [(data[record.start : record.end], record.reason) for record in records]


@settings(max_examples=80, deadline=None)
@given(
    table=TABLES,
    end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_what_is_written_as_csv_is_good_and_whole(table, end, quoting):
    if quoting == csv.QUOTE_MINIMAL:  # Python leaves a carriage return alone without quotes.
        table = [[field.replace("\r", "") for field in row] for row in table]
    text = io.StringIO(newline="")
    csv.writer(text, quoting=quoting, lineterminator=end).writerows(table)
    data = b"A\n" + text.getvalue().encode()
    width = len(table[0]) if table else 2

    found = read(data, width)

    assert [""] * len(table) == [reason for _, reason in found]
    parsed = [
        next(csv.reader(io.StringIO(record.decode(), newline=""), strict=True))
        for record, _ in found
    ]
    assert table == parsed


@pytest.mark.parametrize(("content", "reason"), BAD_RECORDS.values(), ids=BAD_RECORDS.keys())
@pytest.mark.parametrize("segment_bytes", [1, 150, 1 << 20])
@pytest.mark.parametrize("at", [0, 3, 6])
def test_a_bad_record_is_the_only_one_wherever_a_log_is_cut(
    tmp_path, content, reason, segment_bytes, at
):
    data = b"".join([HEADER, *GOOD[:at], content, *GOOD[at:]])
    segmenter = CsvSegmenter(tmp_path, "x", segment_bytes=segment_bytes)
    segmenter.feed_chunk(data)
    segments = segmenter.finish_segments(whole_size=len(data))
    found = []
    for path in segments.paths:
        with open_csv_buffer(path) as buffer:
            found += read(bytes(buffer), 8)

    assert [record for record, why in found if not why] == GOOD
    bad = [(record, why) for record, why in found if why]
    unended = (content, "a quoted field that does not end")
    assert bad == [unended if (at, content[-2:]) == (6, b"a\n") else (content, reason)]


def test_a_log_that_came_whole_is_not_cut_short(tmp_path):
    data = HEADER + GOOD[0] + b'"Login","a\n'
    segmenter = CsvSegmenter(tmp_path, "x")
    segmenter.feed_chunk(data)

    assert len(data) == segmenter.finish_segments(whole_size=len(data)).size


def test_lines_are_counted_from_the_header_on():
    data = HEADER + b"\n" + GOOD[0] + GOOD[1]

    lines = [record.line for record in CsvRecordReader(data, 8).read_records()]

    assert lines == [3, 5]


@pytest.mark.parametrize("quote", [b"", b'"'])
@pytest.mark.parametrize("width", [1, 3])
def test_line_ends_may_differ_and_be_mangled(quote, width):
    ends = [b"\n", b"\r\n", b"\r\r\n", b"\r\r\r\n", b"\r"]
    records = [b",".join([quote + b"x" + quote] * width) + end for end in ends]
    data = b",".join([b"A"] * width) + b"\r\r\n" + b"".join(records)

    assert [(record, "") for record in records] == read(data, width)


@pytest.mark.parametrize("end", [b"\r", b"\r\n\r", b"\r\r\n \r\r\n\r\r"])
def test_blank_lines_at_the_end_are_no_records(end):
    assert read(b"A,B\n1,2" + end, 2)[1:] == []


def test_typed_text_is_no_record_however_it_looks():
    """Its quotes are doubled, so the best that it can be is a record of empty fields."""
    forged = b",".join(b'""x""' for _ in range(8))
    data = HEADER + b'"0"bad","' + b"\n" + forged + b"\n" + b'"\n' + GOOD[0]

    (_, reason), good = read(data, 8)

    assert reason == "text after a closing quote"
    assert good == (GOOD[0], "")


def test_a_search_that_was_made_to_be_long_ends(monkeypatch):
    """What follows is the bad record's then, and nothing is read twice."""
    monkeypatch.setattr(csv_records, "MAX_SEARCH_BYTES", 1_000)
    data = b'"A","B"\n"x"y\n' + b'"",\n' * 1_000 + b'"1","2"\n'

    (found,) = read(data, 2)

    assert found == (data[8:], "text after a closing quote")


def test_a_field_is_found_by_its_place():
    (record,) = CsvRecordReader(b'A,B,C\n1, "two, 2" ,\n', 3).read_records()
    data = b'A,B,C\n1, "two, 2" ,\n'

    assert [b"1", b' "two, 2" ', b"", b""] == [read_field(data, record, n) for n in range(4)]


@pytest.mark.parametrize(
    ("content", "is_one"),
    [
        (b'"1","2"\n', True),
        (b'"1","2"', True),
        (b"1,2\r\n", True),
        (b'"1"\n', False),
        (b'"1","2"\n"3","4"\n', False),
        (b'"1","2\n', False),
        (b"", False),
    ],
)
def test_one_record_is_told_from_none_and_many(content, is_one):
    assert is_one is has_one_record(content, 2)


def test_the_records_of_a_file_are_read_where_it_lies():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.csv")
        path.write_bytes(HEADER + GOOD[0])
        with open_csv_buffer(path) as buffer:
            (record,) = CsvRecordReader(buffer, 8).read_records()
            assert GOOD[0] == buffer[record.start : record.end]
