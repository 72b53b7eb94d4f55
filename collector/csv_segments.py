"""Cuts CSV into segments that can be read safely: files with a header and whole records alone."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from collector.csv_records import CsvRecordReader, open_csv_buffer
from collector.errors import CorruptDownloadError

SEGMENT_BYTES = 16 << 20
"""A segment ends with the first record that reaches this size.

Measured for throughput and memory. `event_uid` counts rows by segment, so another value makes other
events of the same records: never change it lightly.
"""

MAX_HEADER_BYTES = 1 << 20
MAX_COLUMNS = 5_000

_COLUMN_NAME_PATTERN = re.compile(
    rb' *(?:" *([A-Za-z][A-Za-z0-9_.]{0,254}) *"|([A-Za-z][A-Za-z0-9_.]{0,254})) *'
)
_UNSTORABLE_PATTERN = re.compile(r"[\0\ud800-\udfff]")
_ROWS_PER_CHUNK = 1_000
_COPY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvSegments:
    """One CSV as files, each beginning with the same header line and holding whole records.

    Attributes:
        paths: the files in order; always at least one.
        columns: the header's names. A name that comes again (in any case) carries a suffix, `_2`,
            that the files do not have: read by position and skip the header line.
        size: how many bytes were cut, as they came.
    """

    paths: tuple[Path, ...]
    columns: tuple[str, ...]
    size: int


class CsvSegmenter:
    """Streams one CSV into the segments `directory/name-0000.csv`, `-0001`, ….

    Every reader relies on this: a segment is CSV in which every good record is complete. Where it
    is cut depends on the bytes, never on how they were chunked: after the first line end at
    which the quotes are balanced and the records since the last cut reach `segment_bytes`. After a
    record with a quote too many, that may be inside another one: a segment that does not begin with
    a good record belongs to the one before it.
    """

    def __init__(self, directory: Path, name: str, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._directory = directory
        self._name = name
        self._segment_bytes = segment_bytes
        self._header_buffer = bytearray()
        self._header = b""
        self._columns: tuple[str, ...] = ()
        self._paths: list[Path] = []
        self._file: BinaryIO | None = None
        self._segment_size = 0
        self._in_quotes = False
        self._size = 0

    def feed_chunk(self, chunk: bytes) -> None:
        """Take the next bytes.

        Raises:
            CorruptDownloadError: what came first is not the header line of a log.
            OSError: there is no room for it.
        """
        self._size += len(chunk)
        if self._header:
            self._cut_chunk(chunk)
            return
        self._header_buffer += chunk
        end = self._header_buffer.find(b"\n") + 1
        if end:
            self._read_header(end)
        elif len(self._header_buffer) > MAX_HEADER_BYTES:
            raise CorruptDownloadError(_describe_body(self._header_buffer))

    def finish_segments(self, *, whole_size: int | None = None) -> CsvSegments:
        """The segments, on disk. Nothing may be fed after it.

        A quote too many in some record is that record's fault, and no reason to refuse the log.
        `whole_size` is how many bytes the log has, where that is known: one that came whole is not
        cut short.

        Raises:
            CorruptDownloadError: there is no header, or the last record is cut inside a quoted
                field; no file remains.
        """
        try:
            self._complete_segments(whole_size)
        except BaseException:
            self.remove_segments()
            raise
        return CsvSegments(paths=tuple(self._paths), columns=self._columns, size=self._size)

    def remove_segments(self) -> None:
        """Remove every file that was written."""
        if self._file is not None:
            self._file.close()
            self._file = None
        for path in self._paths:
            path.unlink(missing_ok=True)
        self._paths.clear()

    def _read_header(self, end: int) -> None:
        header = bytes(self._header_buffer[:end]).removeprefix(b"\xef\xbb\xbf")
        names = _parse_column_names(header)
        if not names:
            raise CorruptDownloadError(_describe_body(self._header_buffer))
        self._columns = _number_duplicates(names)
        self._header = header
        rest = bytes(self._header_buffer[end:])
        self._header_buffer.clear()
        self._cut_chunk(rest)

    def _complete_segments(self, whole_size: int | None) -> None:
        if not self._header:
            self._read_header(len(self._header_buffer))
        if not self._paths:
            self._open_segment()
        self._close_segment()
        self._paths = _join_torn_segments(self._paths, len(self._columns))
        is_open = self._in_quotes and self._size != whole_size
        if is_open and _is_cut_short(self._paths[-1], len(self._columns)):
            raise CorruptDownloadError("the log stops inside a quoted field: it is cut short")

    def _cut_chunk(self, chunk: bytes) -> None:
        view = memoryview(chunk)
        start = 0
        while start < len(chunk):
            end = self._find_boundary(chunk, start)
            file = self._file or self._open_segment()
            file.write(view[start : end or len(chunk)])
            if not end:
                self._segment_size += len(chunk) - start
                return
            self._close_segment()
            self._segment_size = 0
            start = end

    def _find_boundary(self, chunk: bytes, start: int) -> int:
        """The offset in the chunk at which the present segment ends; 0 if it goes on."""
        searched = start
        newest = start + max(self._segment_bytes - self._segment_size - 1, 0)
        while newest < len(chunk) and (newline := chunk.find(b"\n", newest)) >= 0:
            self._in_quotes ^= bool(chunk.count(b'"', searched, newline) & 1)
            searched = newest = newline + 1
            if not self._in_quotes:
                return searched
        self._in_quotes ^= bool(chunk.count(b'"', searched) & 1)
        return 0

    def _open_segment(self) -> BinaryIO:
        path = self._directory / f"{self._name}-{len(self._paths):04d}.csv"
        self._paths.append(path)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._file = os.fdopen(descriptor, "wb", buffering=1 << 20)
        self._file.write(self._header)
        return self._file

    def _close_segment(self) -> None:
        # Not synced: what a power cut leaves of a spool is fetched again, never read.
        if self._file is not None:
            self._file.close()
            self._file = None


def _join_torn_segments(paths: Sequence[Path], width: int) -> list[Path]:
    """The segments, each that does not begin with a good record joined to the one before it."""
    joined: list[Path] = []
    for path in paths:
        with open_csv_buffer(path) as buffer:
            body_start = buffer.find(b"\n") + 1
            is_whole = CsvRecordReader(buffer, width).begins_with_record()
        if is_whole or not joined:
            joined.append(path)
            continue
        with path.open("rb") as source, joined[-1].open("ab") as target:
            source.seek(body_start)
            shutil.copyfileobj(source, target, _COPY_BYTES)
        path.unlink()
    return joined


def _is_cut_short(path: Path, width: int) -> bool:
    """Whether the last record of a segment is cut."""
    with open_csv_buffer(path) as buffer:
        tail = deque(CsvRecordReader(buffer, width).read_records(), maxlen=1)
        is_ended = buffer[-1:] == b"\n"
    return any(record.is_unended or (record.reason and not is_ended) for record in tail)


def write_records(
    directory: Path, name: str, columns: Sequence[str], records: Iterable[Mapping[str, object]]
) -> CsvSegments:
    """Write JSON records as CSV segments, every field quoted.

    None and a missing key are empty, True is `true`, a number is its shortest exact text, an object
    or list is compact JSON. NUL characters and lone surrogates, which no UTF-8 file can hold
    faithfully, become U+FFFD.
    """
    segmenter = CsvSegmenter(directory, name)
    try:
        for chunk in _encode_records(columns, records):
            segmenter.feed_chunk(chunk)
        return segmenter.finish_segments()
    except BaseException:
        segmenter.remove_segments()
        raise


def _encode_records(
    columns: Sequence[str], records: Iterable[Mapping[str, object]]
) -> Iterator[bytes]:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(columns)
    for number, record in enumerate(records):
        writer.writerow([_render_value(record.get(column)) for column in columns])
        if number % _ROWS_PER_CHUNK == 0:
            yield _drain_buffer(buffer)
    yield _drain_buffer(buffer)


def _drain_buffer(buffer: io.StringIO) -> bytes:
    chunk = _UNSTORABLE_PATTERN.sub("\ufffd", buffer.getvalue()).encode()
    buffer.seek(0)
    buffer.truncate()
    return chunk


def _render_value(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _parse_column_names(header: bytes) -> list[str]:
    """The column names of a header line; none if it is no such line."""
    cells = header.rstrip(b"\r\n").split(b",", MAX_COLUMNS - 1)
    matches = [_COLUMN_NAME_PATTERN.fullmatch(cell) for cell in cells]
    return [(m[1] or m[2]).decode() for m in matches if m] if all(matches) else []


def _number_duplicates(names: list[str]) -> tuple[str, ...]:
    """The names, each unlike the others in any case: to SQL, `Id` and `ID` are one column."""
    used_names = {name.lower() for name in names}
    numbers: dict[str, int] = {}
    result = []
    for name in names:
        folded = name.lower()
        number = numbers.setdefault(folded, 1)
        while number > 1 and f"{folded}_{number}" in used_names:
            number += 1
        numbers[folded] = number + 1
        result.append(name if number == 1 else f"{name}_{number}")
    return tuple(result)


def _describe_body(start: bytearray) -> str:
    """What a body that has no header line seems to be."""
    line = bytes(start).partition(b"\n")[0].removeprefix(b"\xef\xbb\xbf")
    count = line.count(b",") + 1
    if count > MAX_COLUMNS and _COLUMN_NAME_PATTERN.fullmatch(line.partition(b",")[0]):
        return f"the log has {count:,} columns, and no more than {MAX_COLUMNS:,} are read"
    first = bytes(start[:64]).removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if not start:
        return "the log is empty: not even a header line"
    if first == b"<":
        return "this is no log: it looks like an HTML page"
    if first in {b"{", b"["}:
        return "this is no log: it looks like JSON"
    return "this is no log: it does not begin with a line of column names"
