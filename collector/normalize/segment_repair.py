"""Makes a segment readable that the engine refuses: its good records, each with its number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from mmap import mmap
from pathlib import Path
from typing import BinaryIO

from collector.csv_records import CsvRecord, CsvRecordReader, open_csv_buffer, read_field

HEADER_NAME = "EVENT_TYPE"
"""A row whose EVENT_TYPE is this text repeats the header line, and is no record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRecord:
    """A record that cannot be read, as it came.

    Attributes:
        ordinal: its number among the records of its segment, from 1; `event_uid` counts by it.
        line: the number of its first line in the segment, from 1.
        reason: what is wrong with it; it quotes nothing of it.
        content: its bytes, with its line end; no longer there when the segment is closed.
    """

    ordinal: int
    line: int
    reason: str
    content: memoryview


def repair_segment(
    source: Path, target: Path, columns: Sequence[str], *, keep_record: Callable[[BadRecord], None]
) -> None:
    r"""Write the header line and the good records of a segment, each with its number at its end.

    What is no UTF-8 in them becomes U+FFFD, NUL goes, and every record ends with `\n`. Each bad
    one is handed to `keep_record`; it has its number too. `build_repaired_relation` reads the file.

    Raises:
        OSError: there is no room; no file remains.
    """
    try:
        with open_csv_buffer(source) as buffer, target.open("wb") as output:
            target.chmod(0o600)
            write_numbered_header(output, len(columns))
            _RecordSorter(buffer, columns, output, keep_record).sort_records()
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def write_numbered_header(output: BinaryIO, width: int) -> None:
    """Write the line that comes before such records. By its end the engine knows those of others.

    So there has to be one: the first line end may stand inside quotes, and be another.
    """
    output.write(b"%b\n" % b",".join([b"x"] * (width + 1)))


def write_numbered_record(output: BinaryIO, record: bytes, ordinal: int) -> None:
    """Write a good record as `build_repaired_relation` reads it."""
    text = record.rstrip(b"\r\n")
    if not text.isascii() or b"\0" in text:
        text = text.decode("utf-8", "replace").replace("\0", "").encode()
    output.write(b"%b,%d\n" % (text, ordinal))


class _RecordSorter:
    """Tells the good records of a segment from the bad ones."""

    def __init__(
        self,
        buffer: mmap,
        columns: Sequence[str],
        output: BinaryIO,
        keep_record: Callable[[BadRecord], None],
    ) -> None:
        self._buffer = buffer
        self._width = len(columns)
        names = [name.strip() for name in columns]
        self._header_position = names.index(HEADER_NAME) if HEADER_NAME in names else None
        self._output = output
        self._keep_record = keep_record

    def sort_records(self) -> None:
        """Write each good record, and hand over each bad one."""
        ordinal = 0
        for record in CsvRecordReader(self._buffer, self._width).read_records():
            if record.reason:
                ordinal += 1
                self._keep_bad_record(record, ordinal)
            elif not self._repeats_header(record):
                ordinal += 1
                content = self._buffer[record.start : record.end]
                write_numbered_record(self._output, content, ordinal)

    def _keep_bad_record(self, record: CsvRecord, ordinal: int) -> None:
        with memoryview(self._buffer) as whole, whole[record.start : record.end] as content:
            self._keep_record(
                BadRecord(ordinal=ordinal, line=record.line, reason=record.reason, content=content)
            )

    def _repeats_header(self, record: CsvRecord) -> bool:
        if self._header_position is None:
            return False
        text = read_field(self._buffer, record, self._header_position)
        return text.strip(b' "') == HEADER_NAME.encode()
