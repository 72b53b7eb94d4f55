"""Turns local files into batches: event log CSV, and JSON or NDJSON of records."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BufferedReader
from pathlib import Path

from collector import clock, normalize
from collector.collection.json_records import FileRecord, read_records
from collector.csv_records import CsvRecordReader, open_csv_buffer, read_field
from collector.csv_segments import CsvSegmenter, CsvSegments, write_records
from collector.errors import CollectorError
from collector.escaping import is_file_name
from collector.model import Batch, EventFamily, Stream
from collector.named_files import open_regular_file
from collector.stable_ids import hash_lines, hash_text

SCAN_ORG = "scan"
FILE_SUFFIXES = (".csv", ".json", ".jsonl", ".ndjson")

MAX_BATCH_RECORDS = 20_000
"""A batch of JSON records has at most so many, which bounds the memory that it takes."""

_CHUNK_BYTES = 1 << 20
_NAME_DIGITS = 24
_COLUMN_PATTERN = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,254}")
_READ_ERRORS = (CollectorError, OSError, EOFError, zlib.error, ValueError, RecursionError)

EVENT_TYPE_ALIASES = {
    "AsynchronousReportRun": "AsyncReportRun",
    "CspViolation": "CSPViolation",
    "DocumentAttachmentDownoads": "DocumentAttachmentDownloads",
}
"""EVENT_TYPE texts inside files that differ from the file's EventType."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedFile:
    """A file, or a part of one, that was not examined."""

    path: Path
    reason: str


# ---- finding


def find_files(paths: Iterable[Path], *, recursive: bool) -> Iterator[Path | SkippedFile]:
    """The files to scan, each once: those named, and below folders those with a known suffix."""
    seen_paths: set[Path] = set()
    for path in paths:
        for file in _list_folder(path, recursive=recursive) if path.is_dir() else [path]:
            if isinstance(file, SkippedFile):
                yield file
            elif (resolved := file.resolve()) not in seen_paths:
                seen_paths.add(resolved)
                yield file


def _list_folder(folder: Path, *, recursive: bool) -> Iterator[Path | SkippedFile]:
    errors: list[OSError] = []
    for parent, folders, names in os.walk(folder, onerror=errors.append):
        folders[:] = sorted(folders) if recursive else []
        for path in sorted(Path(parent, name) for name in names):
            if not has_known_suffix(path):
                continue
            yield path if path.is_file() else SkippedFile(path=path, reason="is no ordinary file")
    for error in errors:
        yield SkippedFile(path=Path(error.filename), reason=_describe_error(error))


def has_known_suffix(path: Path) -> bool:
    """Whether a file is called as logs are, gzipped or not."""
    return (Path(path.stem) if path.suffix == ".gz" else path).suffix.lower() in FILE_SUFFIXES


# ---- reading


def read_batches(
    path: Path, spool: Path, *, event_type: str | None = None
) -> Iterator[Batch | SkippedFile]:
    """The events of one file, gzipped or not, in batches of one event type each.

    The type is `event_type` if given, else what the records say (`attributes.type`, EVENT_TYPE),
    else the known type that the file's name holds. What cannot be examined is a SkippedFile.
    """
    try:
        with open_regular_file(path) as raw, _open_unzipped(raw) as file:
            if file.peek(_CHUNK_BYTES).removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"["):
                yield from _read_json(path, file, spool, event_type)
            else:
                yield _read_csv(path, file, spool, event_type)
    except _READ_ERRORS as error:
        yield SkippedFile(path=path, reason=_describe_error(error))


def read_event_type(record: FileRecord) -> str | None:
    """What a record says it is: a queried object, or a row of an event log file."""
    attributes = record.get("attributes")
    name = attributes.get("type") if isinstance(attributes, Mapping) else None
    name = name or record.get("EVENT_TYPE")
    if not isinstance(name, str) or not is_file_name(name):
        return None
    return EVENT_TYPE_ALIASES.get(name, name)


def build_batch(
    event_type: str, segments: CsvSegments, *, org: str, identity: str, received: datetime
) -> Batch:
    """A batch of records that no org was asked for; `identity` is what makes it itself."""
    key = hash_lines(org, event_type, identity)
    return Batch(
        key=key,
        stream=Stream(org=org, source="files", name=event_type),
        event_type=event_type,
        log_time=received,
        received=received,
        segments=segments.paths,
        columns=segments.columns,
        record_prefix=key,
        dedupe=normalize.find_family(event_type) in (EventFamily.STORED, EventFamily.OBJECT),
        cursor=None,
    )


def list_columns(records: Iterable[FileRecord]) -> tuple[str, ...]:
    """Every key of the records that can name a column, in the order in which they first come."""
    keys = dict.fromkeys(key for record in records for key in record)
    return tuple(key for key in keys if key != "attributes" and _COLUMN_PATTERN.fullmatch(key))


def _open_unzipped(raw: BufferedReader) -> BufferedReader:
    is_gzip = raw.peek(2)[:2] == b"\x1f\x8b"
    return BufferedReader(gzip.GzipFile(fileobj=raw)) if is_gzip else raw


def _describe_error(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read: {error.strerror}"
    if isinstance(error, CollectorError):
        return str(error)
    return f"cannot be read: {error}"


def _read_modified_time(path: Path) -> datetime:
    """When a file was written; bounded, since anything can be said to a file system."""
    seconds = max(path.stat().st_mtime, clock.EARLIEST_TIME.timestamp())
    return datetime.fromtimestamp(min(seconds, clock.now().timestamp()), UTC)


def _guess_event_type(path: Path) -> str | None:
    words = re.findall(r"[A-Za-z0-9]+", path.name.split(".")[0])
    by_lower = {name.lower(): name for name in normalize.list_event_types()}
    return next((by_lower[word.lower()] for word in words if word.lower() in by_lower), None)


# ---- CSV


def _read_csv(
    path: Path, file: BufferedReader, spool: Path, event_type: str | None
) -> Batch | SkippedFile:
    identity = hashlib.sha256()
    size = 0
    segmenter = CsvSegmenter(spool, f"csv-{hash_text(str(path), digits=_NAME_DIGITS)}")
    try:
        while chunk := file.read(_CHUNK_BYTES):
            identity.update(chunk)
            size += len(chunk)
            segmenter.feed_chunk(chunk)
        segments = segmenter.finish_segments(whole_size=size)
    except BaseException:
        segmenter.remove_segments()
        raise
    resolved_type = event_type or _read_segment_type(segments) or _guess_event_type(path)
    if resolved_type is None:
        segmenter.remove_segments()
        return SkippedFile(path=path, reason="its event type cannot be told: give --type")
    return build_batch(
        resolved_type,
        segments,
        org=SCAN_ORG,
        identity=identity.hexdigest(),
        received=_read_modified_time(path),
    )


def _read_segment_type(segments: CsvSegments) -> str | None:
    """The EVENT_TYPE of the first record that can be read."""
    if "EVENT_TYPE" not in segments.columns:
        return None
    position = segments.columns.index("EVENT_TYPE")
    with open_csv_buffer(segments.paths[0]) as buffer:
        records = CsvRecordReader(buffer, len(segments.columns)).read_records()
        first = next((record for record in records if not record.reason), None)
        text = b"" if first is None else read_field(buffer, first, position)
    return read_event_type({"EVENT_TYPE": text.strip(b' "').decode("utf-8", "replace")})


# ---- JSON


def _read_json(
    path: Path, file: BufferedReader, spool: Path, event_type: str | None
) -> Iterator[Batch | SkippedFile]:
    by_name = _guess_event_type(path)
    refusals: Counter[str] = Counter()
    records_by_type: dict[str, list[FileRecord]] = {}
    for record in read_records(file, refusals):
        resolved_type = event_type or read_event_type(record) or by_name
        if resolved_type is None or not (event_type or _is_event(record, resolved_type)):
            refusals["a record that is no known event: give --type to say what it is"] += 1
            continue
        records = records_by_type.setdefault(resolved_type, [])
        records.append(record)
        if len(records) == MAX_BATCH_RECORDS:
            yield _build_records_batch(
                path, spool, resolved_type, records_by_type.pop(resolved_type)
            )
    for resolved_type, records in records_by_type.items():
        yield _build_records_batch(path, spool, resolved_type, records)
    for what, count in refusals.items():
        yield SkippedFile(path=path, reason=f"{count:,} × {what}")


def _build_records_batch(
    path: Path, spool: Path, event_type: str, records: Sequence[FileRecord]
) -> Batch:
    identity = hash_text(json.dumps(records, sort_keys=True), digits=_NAME_DIGITS)
    columns = list_columns(records)
    segments = write_records(spool, f"json-{identity}-{event_type}", columns, records)
    return build_batch(
        event_type, segments, org=SCAN_ORG, identity=identity, received=_read_modified_time(path)
    )


def _is_event(record: FileRecord, event_type: str) -> bool:
    """Whether it is a log's row or an event object, and no other record such as an Account."""
    fields = normalize.list_fields(event_type)
    if fields is None:
        return event_type.endswith(("Event", "EventStore")) or "EVENT_TYPE" in record
    return any(key in fields for key in record)
