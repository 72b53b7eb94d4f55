"""Bad records of one segment: kept as they came, each with its number, line and reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from collector.durable_files import sync_path
from collector.normalize import BadRecord

RECORDS_SUFFIX = ".records"
"""A file of JSON lines `{"ordinal", "line", "reason", "content"}`.

Bytes of `content` that are no UTF-8 are lone surrogates, as Python's `surrogateescape` writes them.
What is longer than MAX_INLINE_BYTES lies in a file of its own beside, and `file` names it.
"""

LARGE_RECORD_SUFFIX = ".record"
MAX_INLINE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantinedRecord:
    """A record that is set aside.

    Attributes:
        ordinal: its number among the records of its segment, from 1.
        line: the number of its first line in the log, from 1.
        reason: why it could not be read.
        content: its bytes, as far as they are kept in the list itself.
        file: where all of it is, for a record that is too long for that.
    """

    ordinal: int
    line: int
    reason: str
    content: bytes
    file: Path | None = None

    def read_content(self) -> bytes:
        """All of its bytes. Raises OSError where its file cannot be read."""
        return self.content if self.file is None else self.file.read_bytes()


class RecordShelf:
    """Writes the bad records of one segment into a file, which is there once it is `kept`.

    Attributes:
        count: how many there are.
        first: the first of them, without its content; None where there is none.
    """

    def __init__(self, path: Path, *, line_offset: int) -> None:
        self.count = 0
        self.first: QuarantinedRecord | None = None
        self._path = path
        self._part = path.with_name(f"{path.name}.part")
        self._line_offset = line_offset
        self._file: TextIO | None = None
        self._large_files: list[Path] = []

    def add_bad_record(self, record: BadRecord) -> None:
        """Keep a record that could not be read. Raises OSError: there is no room."""
        is_large = len(record.content) > MAX_INLINE_BYTES
        self.add_record(
            QuarantinedRecord(
                ordinal=record.ordinal,
                line=record.line + self._line_offset,
                reason=record.reason,
                content=b"" if is_large else bytes(record.content),
                file=self._write_large_file(record) if is_large else None,
            )
        )

    def add_record(self, record: QuarantinedRecord) -> None:
        """Keep a record that was kept before. Raises OSError: there is no room."""
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = self._part.open("w", encoding="ascii")
            self._part.chmod(0o600)
        self.count += 1
        self.first = self.first or record
        self._file.write(json.dumps(_render_record(record)) + "\n")

    def keep_records(self) -> None:
        """Make what was added durable; nothing, where nothing was."""
        if self._file is not None:
            self._file.close()
            sync_path(self._part)
            self._part.replace(self._path)

    def drop_records(self) -> None:
        """Leave nothing of what was added."""
        if self._file is not None:
            self._file.close()
        for path in (self._part, *self._large_files):
            path.unlink(missing_ok=True)

    def describe_records(self) -> str:
        """How many there are, and what is wrong with the first."""
        assert self.first is not None  # noqa: S101 - asked only where there is one
        found = f"line {self.first.line:,}: {self.first.reason}"
        if self.count == 1:
            return f"1 record: {found}"
        return f"{self.count:,} records, the first in {found}"

    def _write_large_file(self, record: BadRecord) -> Path:
        path = self._path.with_name(f"{self._path.stem}-{record.ordinal}{LARGE_RECORD_SUFFIX}")
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with path.open("wb") as file:
            path.chmod(0o600)
            file.write(record.content)
        sync_path(path)
        self._large_files.append(path)
        return path


def iterate_records(path: Path) -> Iterator[QuarantinedRecord]:
    """The records that a shelf has kept in a file, in their order."""
    with path.open(encoding="ascii") as lines:
        for line in lines:
            values = json.loads(line)
            file = values.get("file")
            yield QuarantinedRecord(
                ordinal=values["ordinal"],
                line=values["line"],
                reason=values["reason"],
                content=values["content"].encode("utf-8", "surrogateescape"),
                file=None if file is None else path.parent / file,
            )


def _render_record(record: QuarantinedRecord) -> dict[str, object]:
    large = {} if record.file is None else {"file": record.file.name}
    return {
        "ordinal": record.ordinal,
        "line": record.line,
        "reason": record.reason,
        "content": record.content.decode("utf-8", "surrogateescape"),
        **large,
    }
