from __future__ import annotations

import csv
import io
import itertools
import json
import math
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector import csv_segments
from collector.csv_segments import CsvSegmenter, CsvSegments, write_records
from collector.errors import CorruptDownloadError

FIELDS = st.text(st.sampled_from('"\n\r, aé\0日') | st.characters(codec="utf-8"), max_size=12)
TABLES = st.integers(1, 3).flatmap(
    lambda width: st.lists(st.lists(FIELDS, min_size=width, max_size=width), max_size=12).map(
        lambda rows: [[f"C{n}" for n in range(width)], *rows]
    )
)


def encoded(table: list[list[str]], end: str = "\n") -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator=end).writerows(table)
    return text.getvalue().encode()


def parsed(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))


def cut(
    directory: Path,
    data: bytes,
    *,
    size: int = csv_segments.SEGMENT_BYTES,
    at: tuple[int, ...] = (),
) -> CsvSegments:
    """The segments of the data when it is fed in the pieces between those places."""
    cutter = CsvSegmenter(directory, "x", segment_bytes=size)
    places = [0, *sorted(at), len(data)]
    for start, end in itertools.pairwise(places):
        cutter.feed_chunk(data[start:end])
    return cutter.finish_segments()


def contents(cut_up: CsvSegments) -> list[bytes]:
    return [path.read_bytes() for path in cut_up.paths]


class TestLaws:
    @settings(max_examples=80, deadline=None)
    @given(table=TABLES, size=st.integers(1, 60), end=st.sampled_from(["\n", "\r\n"]))
    def test_the_records_of_the_segments_are_those_of_the_whole(self, table, size, end):
        data = encoded(table, end)
        with tempfile.TemporaryDirectory() as folder:
            pieces = contents(cut(Path(folder), data, size=size))

        assert [row for piece in pieces for row in parsed(piece)[1:]] == parsed(data)[1:]
        assert all(parsed(piece)[0] == table[0] for piece in pieces)

    @settings(max_examples=80, deadline=None)
    @given(table=TABLES, size=st.integers(1, 60), data=st.data())
    def test_the_cut_does_not_know_the_chunks(self, table, size, data):
        whole = encoded(table)
        at = data.draw(st.lists(st.integers(0, len(whole)), max_size=12))
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as many:
            once = contents(cut(Path(one), whole, size=size))
            chunked = contents(cut(Path(many), whole, size=size, at=tuple(at)))
            bytewise = contents(cut(Path(one), whole, size=size, at=tuple(range(len(whole)))))

        assert once == chunked == bytewise

    @settings(max_examples=80, deadline=None)
    @given(table=TABLES, size=st.integers(1, 60))
    def test_a_segment_ends_with_the_first_record_that_fills_it(self, table, size):
        header = encoded(table[:1])
        with tempfile.TemporaryDirectory() as folder:
            pieces = contents(cut(Path(folder), encoded(table), size=size))

        for piece in pieces[:-1]:
            last = encoded(parsed(piece)[-1:])
            assert len(piece) - len(header) >= size > len(piece) - len(header) - len(last)
        assert len(pieces[-1]) > len(header) or len(table) == 1

    @settings(max_examples=80, deadline=None)
    @given(table=TABLES, data=st.data())
    def test_what_stops_inside_quotes_is_corrupt_and_leaves_no_file(self, table, data):
        whole = encoded(table)
        start = len(encoded(table[:1]))
        stop = data.draw(st.integers(start, len(whole)))
        with tempfile.TemporaryDirectory() as folder:
            if whole.count(b'"', 0, stop) % 2 == 0:
                assert b"".join(contents(cut(Path(folder), whole[:stop]))) == whole[:stop]
                return
            with pytest.raises(CorruptDownloadError, match="cut short"):
                cut(Path(folder), whole[:stop], size=5)
            assert list(Path(folder).iterdir()) == []


class TestHeader:
    @pytest.mark.parametrize(
        ("line", "columns"),
        [
            (b'"A","B_1","C.D"\n', ("A", "B_1", "C.D")),
            (b'A,B\n"1","2"\n', ("A", "B")),
            (b'"A", "B" , C \r\n', ("A", "B", "C")),
            (b'\xef\xbb\xbf"A"\n', ("A",)),
            (b'"A"', ("A",)),
            (b"A", ("A",)),
        ],
    )
    def test_names_are_read(self, tmp_path, line, columns):
        assert cut(tmp_path, line).columns == columns
        assert cut(tmp_path, line, at=(1, 2, 3)).columns == columns

    @pytest.mark.parametrize(
        ("names", "columns"),
        [
            ("A,A", ("A", "A_2")),
            ("A,A,A", ("A", "A_2", "A_3")),
            ("A,A,A_2", ("A", "A_3", "A_2")),
            ("Id,ID,iD", ("Id", "ID_2", "iD_3")),
        ],
    )
    def test_no_two_columns_have_one_name(self, tmp_path, names, columns):
        assert cut(tmp_path, names.encode() + b"\n").columns == columns

    @pytest.mark.parametrize(
        ("data", "words"),
        [
            (b"", "empty"),
            (b"<!DOCTYPE html>\n<p>x", "HTML"),
            (b"\n  <html>", "HTML"),
            (b'{"a": 1}', "JSON"),
            (b'[{"errorCode": "X"}]', "JSON"),
            (b"\n", "column names"),
            (b'"A",\n', "column names"),
            (b'"A",""\n', "column names"),
            (b'"A\n","B"\n', "column names"),
            (b'"A"x,"B"\n', "column names"),
            (b"A\rB\n", "column names"),
            (b"1,2,3\n", "column names"),
            ("é\n".encode(), "column names"),
            (b"A\0\n", "column names"),
            (b"A" * (csv_segments.MAX_HEADER_BYTES + 1), "column names"),
            (b"A" * 200_000 + b"\n", "column names"),
            (b"A," * csv_segments.MAX_COLUMNS + b"A\n", "the log has 5,001 columns, and no more"),
            (b"\x1f\x8b\x08\0\0\0\n", "column names"),
        ],
    )
    def test_what_has_none_is_no_log(self, tmp_path, data, words):
        with pytest.raises(CorruptDownloadError, match=words):
            cut(tmp_path, data)
        assert list(tmp_path.iterdir()) == []


class TestFiles:
    def test_they_are_named_in_order_and_private(self, tmp_path):
        cut_up = cut(tmp_path, b'"A"\n"1"\n"2"\n"3"\n', size=1)

        assert [path.name for path in cut_up.paths] == ["x-0000.csv", "x-0001.csv", "x-0002.csv"]
        assert {path.stat().st_mode & 0o777 for path in cut_up.paths} == {0o600}
        assert sorted(tmp_path.iterdir()) == list(cut_up.paths)

    def test_a_log_without_records_is_one_file(self, tmp_path):
        assert contents(cut(tmp_path, b'"A"\n')) == [b'"A"\n']

    def test_the_size_is_that_of_what_was_fed(self, tmp_path):
        data = b'\xef\xbb\xbf"A"\r\n"1"\r\n"2"'

        assert cut(tmp_path, data, size=1).size == len(data)

    def test_a_field_may_be_larger_than_a_segment(self, tmp_path):
        long = b'"' + b'""\n' * 1_000 + b'"\n'

        assert contents(cut(tmp_path, b"A\n" + long + b'"2"\n', size=10, at=(7, 900))) == [
            b"A\n" + long,
            b'A\n"2"\n',
        ]

    def test_an_older_file_of_that_name_is_replaced(self, tmp_path):
        (tmp_path / "x-0000.csv").write_bytes(b"something longer than the new one")

        assert contents(cut(tmp_path, b"A\n1\n")) == [b"A\n1\n"]

    def test_abort_removes_them(self, tmp_path):
        cutter = CsvSegmenter(tmp_path, "x", segment_bytes=1)
        cutter.feed_chunk(b"A\n1\n2\n3")
        assert len(list(tmp_path.iterdir())) == 3
        cutter.remove_segments()
        cutter.remove_segments()

        assert list(tmp_path.iterdir()) == []


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters() | st.sampled_from('"\n\r\0\ud800')),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)


class TestRecords:
    def test_each_value_has_its_text(self, tmp_path):
        values = {
            "A": None,
            "B": True,
            "C": False,
            "D": 0.855,
            "E": 50000.0,
            "F": 7,
            "G": {"x": [1, None, "é"]},
            "H": 'a"b\r\nc',
            "I": "\0\ud800",
            "J": 1e300,
        }
        written = write_records(tmp_path, "x", [*values, "Missing"], [values])

        assert parsed(contents(written)[0])[1] == [
            "",
            "true",
            "false",
            "0.855",
            "50000.0",
            "7",
            '{"x":[1,null,"é"]}',
            'a"b\r\nc',
            "\ufffd\ufffd",
            "1e+300",
            "",
        ]
        assert written.columns == (*values, "Missing")

    def test_no_records_are_a_header_alone(self, tmp_path):
        assert contents(write_records(tmp_path, "x", ["Id", "A.B"], [])) == [b'"Id","A.B"\n']

    @settings(max_examples=80, deadline=None)
    @given(st.lists(st.fixed_dictionaries({"A": VALUES, "B": VALUES}), max_size=5))
    def test_every_field_is_quoted_and_comes_back(self, records):
        with tempfile.TemporaryDirectory() as folder:
            written = write_records(Path(folder), "x", ["A", "B"], records)
            data = b"".join(contents(written))

        rows = parsed(data)[1:]
        assert len(rows) == len(records)
        assert data == encoded([["A", "B"], *rows])
        for record, row in zip(records, rows, strict=True):
            assert row == [_expected(record["A"]), _expected(record["B"])]

    def test_many_records_are_cut_where_the_same_csv_is(self, tmp_path):
        value = "é" * 50_000
        count = csv_segments.SEGMENT_BYTES // 100_000 + 5
        written = write_records(tmp_path, "x", ["A"], ({"A": value} for _ in range(count)))
        (tmp_path / "again").mkdir()
        again = cut(tmp_path / "again", encoded([["A"], *[[value]] * count]))

        assert contents(written) == contents(again)
        assert len(written.paths) == 2

    def test_a_failing_source_leaves_no_file(self, tmp_path):
        def records():
            yield {"A": "1"}
            raise OSError("gone")

        with pytest.raises(OSError, match="gone"):
            write_records(tmp_path, "x", ["A"], records())
        assert list(tmp_path.iterdir()) == []


def _expected(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        text = value
    elif isinstance(value, float):
        text = repr(value)
        assert math.isclose(float(text), value, rel_tol=0)
    else:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return "".join("\ufffd" if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in text)
