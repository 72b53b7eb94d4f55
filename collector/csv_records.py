"""Reads CSV record by record, strictly: what is no record is told apart, and costs only itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import islice
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import TypeAlias

MAX_RECORD_BYTES = 32 << 20
"""The longest record that is read."""

MAX_SEARCH_BYTES = 1 << 30
"""So much is looked at in vain, at most, to find where bad records of one buffer end.

It bounds what text that was made for it can cost; what follows then belongs to the bad record.
"""

CsvBuffer: TypeAlias = bytes | mmap
"""CSV in memory, or a file that is mapped."""

# As the engine reads them: blanks around quotes are nothing, and a quote inside of a field that
# does not begin with one is text. Possessive: what has matched is never tried in another way, so a
# match takes linear time.
_QUOTED_FIELD = rb'"(?:[^"]++|"")*+"'
_FIELD = rb"(?: *+" + _QUOTED_FIELD + rb' *+|(?! *+")[^,\r\n]*+)'
_LINE_END = rb"\r*+(?:\n|\Z)"
_FIELDS_PATTERN = re.compile(_FIELD + rb"(?:," + _FIELD + rb")*+")
_NEXT_FIELD_PATTERN = re.compile(rb"(" + _FIELD + rb")(,?)")
_FIRST_QUOTE_PATTERN = re.compile(rb' *+"')
_NEXT_QUOTE_PATTERN = re.compile(rb', *+"')
_LINE_END_PATTERN = re.compile(_LINE_END)
_BLANK_PATTERN = re.compile(rb"[ \t]*+(?:\r*+\n|\r++\Z)")
_QUOTED_LINE_PATTERN = re.compile(rb' *"[^"]*" *(?:, *"[^"]*" *)*+\r*+\n?')

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvRecord:
    """One record of a buffer, `buffer[start:end]`, with its line end.

    Attributes:
        line: the number of its first line, from 1.
        reason: why it cannot be read; empty for one that can be.
        is_unended: whether it stops inside a quoted field.
    """

    start: int
    end: int
    line: int
    reason: str = ""
    is_unended: bool = False


class CsvRecordReader:
    r"""The records of a buffer whose first line is the header line.

    A record has as many fields as `width`. It may be quoted or not, field by field, and end with a
    `\n` and any `\r` before it, each as it likes, the last one with nothing or a lone `\r`; blank
    lines are none. A bad one ends where the next good one begins; where the header line is quoted,
    that is one with every field in quotes: text that a user has typed, with its quotes doubled, can
    be no such record.
    """

    def __init__(self, buffer: CsvBuffer, width: int) -> None:
        self._buffer = buffer
        self._width = width
        self._record_pattern = _build_record_pattern(width, is_quoted=False)
        header_end = buffer.find(b"\n") + 1 or len(buffer)
        self._body_start = header_end
        self._is_quoted = _QUOTED_LINE_PATTERN.fullmatch(buffer, 0, header_end) is not None
        self._restart_pattern = _build_record_pattern(width, is_quoted=self._is_quoted)
        self._searched_bytes = 0

    def read_records(self) -> Iterator[CsvRecord]:
        """Every record after the header line, good or bad, in order."""
        start, line = self._body_start, 2
        while start < len(self._buffer):
            if self._width > 1 and (blank := _BLANK_PATTERN.match(self._buffer, start)):
                start, line = blank.end(), line + 1
                continue
            record = self._read_record(start, line)
            yield record
            line += self._count_lines(start, record.end)
            start = record.end

    def begins_with_record(self) -> bool:
        """Whether what comes first after the header line is a good record; also where nothing is.

        It may be too long to be read.
        """
        start = self._body_start
        while self._width > 1 and (blank := _BLANK_PATTERN.match(self._buffer, start)):
            start = blank.end()
        is_end = start >= len(self._buffer)
        return is_end or self._record_pattern.match(self._buffer, start) is not None

    def _read_record(self, start: int, line: int) -> CsvRecord:
        found = self._record_pattern.match(self._buffer, start)
        if found is None:
            return self._read_bad_record(start, line)
        size = found.end() - start
        reason = (
            f"{size:,} bytes, more than {MAX_RECORD_BYTES:,}" if size > MAX_RECORD_BYTES else ""
        )
        return CsvRecord(start=start, end=found.end(), line=line, reason=reason)

    def _read_bad_record(self, start: int, line: int) -> CsvRecord:
        stop = _find_fields_end(self._buffer, start)
        if _LINE_END_PATTERN.match(self._buffer, stop):
            end = self._buffer.find(b"\n", stop) + 1 or len(self._buffer)
            reason = _describe_width(self._count_fields(start, stop), self._width)
            return CsvRecord(start=start, end=end, line=line, reason=reason)
        if _is_unended(self._buffer, start, stop):
            end, reason = len(self._buffer), "a quoted field that does not end"
            return CsvRecord(start=start, end=end, line=line, reason=reason, is_unended=True)
        # Where a quote was forgotten, the fields that seemed whole are of the next record already.
        end = self._find_restart(start if self._is_quoted else stop)
        return CsvRecord(start=start, end=end, line=line, reason=_describe_stop(self._buffer, stop))

    def _find_restart(self, offset: int) -> int:
        """Where the first good record after `offset` begins; the buffer's end when none does."""
        newline = self._buffer.find(b"\n", offset)
        while newline >= 0 and self._searched_bytes < MAX_SEARCH_BYTES:
            start = newline + 1
            if start < len(self._buffer) and self._restart_pattern.match(self._buffer, start):
                return start
            self._searched_bytes += self._measure_search(start)
            newline = self._buffer.find(b"\n", start)
        return len(self._buffer)

    def _measure_search(self, start: int) -> int:
        """How far was looked at to see that no record begins here."""
        stop = _find_fields_end(self._buffer, start)
        is_unended = _is_unended(self._buffer, start, stop)
        return (len(self._buffer) if is_unended else stop) - start + 1

    def _count_fields(self, start: int, stop: int) -> int:
        return sum(1 for _ in _iterate_fields(self._buffer, start, stop))

    def _count_lines(self, start: int, end: int) -> int:
        return sum(
            self._buffer[offset : min(offset + _CHUNK_BYTES, end)].count(b"\n")
            for offset in range(start, end, _CHUNK_BYTES)
        )


@contextmanager
def open_csv_buffer(path: Path) -> Iterator[mmap]:
    """A file of CSV, which has a header line at least, mapped into memory while it is open."""
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as buffer:
        yield buffer


def has_one_record(record: bytes, width: int) -> bool:
    """Whether bytes are exactly one good record of so many fields, with or without a line end."""
    found = _build_record_pattern(width, is_quoted=False).fullmatch(record)
    return found is not None and len(record) <= MAX_RECORD_BYTES


def read_field(buffer: CsvBuffer, record: CsvRecord, position: int) -> bytes:
    """The text of a good record's field, counted from 0, as it stands there: with its quotes."""
    fields = _iterate_fields(buffer, record.start, record.end)
    return next(islice(fields, position, None), b"")


@cache
def _build_record_pattern(width: int, *, is_quoted: bool) -> re.Pattern[bytes]:
    field = _QUOTED_FIELD if is_quoted else _FIELD
    return re.compile(field + rb"(?:," + field + rb"){%d}+" % (width - 1) + _LINE_END)


def _find_fields_end(buffer: CsvBuffer, start: int) -> int:
    """How far whole fields go from here."""
    fields = _FIELDS_PATTERN.match(buffer, start)
    return fields.end() if fields else start


def _iterate_fields(buffer: CsvBuffer, start: int, stop: int) -> Iterator[bytes]:
    """The whole fields from `start` on, as they stand there."""
    while (field := _NEXT_FIELD_PATTERN.match(buffer, start, stop)) is not None:
        yield field[1]
        if not field[2]:
            return
        start = field.end()


def _is_unended(buffer: CsvBuffer, start: int, stop: int) -> bool:
    """Whether whole fields from `start` on stop where one begins with a quote that has no other."""
    pattern = _FIRST_QUOTE_PATTERN if stop == start else _NEXT_QUOTE_PATTERN
    return pattern.match(buffer, stop) is not None


def _describe_width(found: int, wanted: int) -> str:
    return f"{found:,} {'column' if found == 1 else 'columns'} instead of {wanted:,}"


def _describe_stop(buffer: CsvBuffer, stop: int) -> str:
    if buffer[stop : stop + 1] == b"\r":
        return "a carriage return outside of quotes"
    return "text after a closing quote"
