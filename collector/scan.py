"""Turns files that one already has into batches: event log CSV, and JSON or NDJSON of records."""

from __future__ import annotations

import csv
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
from typing import Any, TypeAlias

from collector import clock, normalize
from collector.errors import CollectorError, CorruptDownload
from collector.model import Batch, Stream
from collector.segments import Cutter, Segments, write_records
from collector.text import is_file_name

ORG = "scan"
SUFFIXES = (".csv", ".json", ".jsonl", ".ndjson")

RECORDS = 20_000
"""A batch of JSON records has at most so many, which bounds the memory that it takes."""

DOCUMENT_BYTES = 512 << 20
"""The largest JSON document, or line of NDJSON, that is read."""

_CHUNK = 1 << 20
_COLUMN = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,254}")
_FAULTS = (CollectorError, OSError, EOFError, zlib.error, ValueError, RecursionError)

ALIASES = {
    "AsynchronousReportRun": "AsyncReportRun",
    "CspViolation": "CSPViolation",
    "DocumentAttachmentDownoads": "DocumentAttachmentDownloads",
}
"""EVENT_TYPE texts inside files that differ from the file's EventType."""

Record: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A file, or a part of one, that was not examined."""

    path: Path
    reason: str


# ---- finding


def find(paths: Iterable[Path], *, recursive: bool) -> Iterator[Path | Skipped]:
    """The files to scan, each once: those named, and below folders those with a known suffix."""
    seen: set[Path] = set()
    for path in paths:
        for file in _inside(path, recursive=recursive) if path.is_dir() else [path]:
            if isinstance(file, Skipped):
                yield file
            elif (real := file.resolve()) not in seen:
                seen.add(real)
                yield file


def _inside(folder: Path, *, recursive: bool) -> Iterator[Path | Skipped]:
    unreadable: list[OSError] = []
    for parent, folders, names in os.walk(folder, onerror=unreadable.append):
        folders[:] = sorted(folders) if recursive else []
        for path in sorted(Path(parent, name) for name in names):
            if not _is_of_interest(path):
                continue
            yield path if path.is_file() else Skipped(path=path, reason="is no ordinary file")
    for error in unreadable:
        yield Skipped(path=Path(error.filename), reason=_words(error))


def _is_of_interest(path: Path) -> bool:
    return (Path(path.stem) if path.suffix == ".gz" else path).suffix.lower() in SUFFIXES


# ---- reading


def batches(path: Path, spool: Path, *, event_type: str | None = None) -> Iterator[Batch | Skipped]:
    """The events of one file, gzipped or not, in batches of one event type each.

    The type is `event_type` if given, else what the records say (`attributes.type`, EVENT_TYPE),
    else the known type that the file's name holds. What cannot be examined is Skipped.
    """
    try:
        with path.open("rb") as raw, _unzipped(raw) as file:
            if file.peek(_CHUNK).removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"["):
                yield from _json(path, file, spool, event_type)
            else:
                yield _csv(path, file, spool, event_type)
    except _FAULTS as error:
        yield Skipped(path=path, reason=_words(error))


def type_of(record: Record) -> str | None:
    """What a record says it is: a queried object, or a row of an event log file."""
    attributes = record.get("attributes")
    named = attributes.get("type") if isinstance(attributes, Mapping) else None
    named = named or record.get("EVENT_TYPE")
    if not isinstance(named, str) or not is_file_name(named):
        return None
    return ALIASES.get(named, named)


def batch_of(
    event_type: str, segments: Segments, *, org: str, identity: str, received: datetime
) -> Batch:
    """A batch of records that no org was asked for; `identity` is what makes it itself."""
    key = hashlib.sha256(f"{org}\n{event_type}\n{identity}".encode()).hexdigest()[:32]
    return Batch(
        key=key,
        stream=Stream(org=org, source="files", name=event_type),
        event_type=event_type,
        nominal=received,
        received=received,
        segments=segments.paths,
        columns=segments.columns,
        record_prefix=key,
        dedupe=normalize.family(event_type) in ("stored", "object"),
        cursor=None,
    )


def records_columns(records: Iterable[Record]) -> tuple[str, ...]:
    """Every key of the records that can name a column, in the order in which they first come."""
    keys = dict.fromkeys(key for record in records for key in record)
    return tuple(key for key in keys if key != "attributes" and _COLUMN.fullmatch(key))


def _unzipped(raw: BufferedReader) -> BufferedReader:
    is_gzip = raw.peek(2)[:2] == b"\x1f\x8b"
    return BufferedReader(gzip.GzipFile(fileobj=raw)) if is_gzip else raw


def _words(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read: {error.strerror}"
    if isinstance(error, CollectorError):
        return str(error)
    return f"cannot be read: {error}"


def _modified(path: Path) -> datetime:
    return min(datetime.fromtimestamp(path.stat().st_mtime, UTC), clock.now())


def _type_by_name(path: Path) -> str | None:
    words = re.findall(r"[A-Za-z0-9]+", path.name.split(".")[0])
    by_lower = {name.lower(): name for name in normalize.event_types()}
    return next((by_lower[word.lower()] for word in words if word.lower() in by_lower), None)


# ---- CSV


def _csv(path: Path, file: BufferedReader, spool: Path, event_type: str | None) -> Batch | Skipped:
    identity = hashlib.sha256()
    cutter = Cutter(spool, f"csv-{_digest(os.fsencode(path))}")
    try:
        while chunk := file.read(_CHUNK):
            identity.update(chunk)
            cutter.feed(chunk)
        segments = cutter.finish()
    except BaseException:
        cutter.abort()
        raise
    chosen = event_type or _type_in(segments) or _type_by_name(path)
    if chosen is None:
        cutter.abort()
        return Skipped(path=path, reason="its event type cannot be told: give --type")
    return batch_of(
        chosen, segments, org=ORG, identity=identity.hexdigest(), received=_modified(path)
    )


def _type_in(segments: Segments) -> str | None:
    """The EVENT_TYPE of the first record."""
    with segments.paths[0].open(newline="", encoding="utf-8", errors="replace") as file:
        rows = csv.reader(file)
        next(rows, None)
        first = next(rows, [])
    return type_of(dict(zip(segments.columns, first, strict=False)))


# ---- JSON


def _json(
    path: Path, file: BufferedReader, spool: Path, event_type: str | None
) -> Iterator[Batch | Skipped]:
    by_name = _type_by_name(path)
    refused: Counter[str] = Counter()
    held: dict[str, list[Record]] = {}
    for record in _records(file, refused):
        chosen = event_type or type_of(record) or by_name
        if chosen is None or not (event_type or _is_event(record, chosen)):
            refused["a record that is no known event: give --type to say what it is"] += 1
            continue
        records = held.setdefault(chosen, [])
        records.append(record)
        if len(records) == RECORDS:
            yield _records_batch(path, spool, chosen, held.pop(chosen))
    for chosen, records in held.items():
        yield _records_batch(path, spool, chosen, records)
    for what, count in refused.items():
        yield Skipped(path=path, reason=f"{count:,} × {what}")


def _records_batch(path: Path, spool: Path, event_type: str, records: Sequence[Record]) -> Batch:
    identity = _digest(json.dumps(records, sort_keys=True).encode())
    columns = records_columns(records)
    segments = write_records(spool, f"json-{identity}-{event_type}", columns, records)
    return batch_of(event_type, segments, org=ORG, identity=identity, received=_modified(path))


def _is_event(record: Record, event_type: str) -> bool:
    """Whether it is a log's row or an event object, and no other record such as an Account."""
    fields = normalize.fields(event_type)
    if fields is None:
        return event_type.endswith(("Event", "EventStore")) or "EVENT_TYPE" in record
    return any(key in fields for key in record)


def _records(file: BufferedReader, refused: Counter[str]) -> Iterator[Record]:
    """All records; what is none is counted in `refused`."""
    for document in _documents(file, refused):
        yield from _unwrapped(document)


def _documents(file: BufferedReader, refused: Counter[str]) -> Iterator[Any]:
    """The document that a file is, or those that its lines are."""
    first = _bounded(file.readline(DOCUMENT_BYTES + 1))
    try:
        document = _parsed(first)
    except ValueError:
        yield _parsed(_bounded(first + file.read(DOCUMENT_BYTES + 1)))
        return
    yield document
    while line := _bounded(file.readline(DOCUMENT_BYTES + 1)):
        try:
            document = _parsed(line) if line.strip() else []
        except (ValueError, RecursionError):
            refused["a line that is no JSON"] += 1
            continue
        yield document


def _bounded(data: bytes) -> bytes:
    if len(data) > DOCUMENT_BYTES:
        raise CorruptDownload(f"a JSON document is larger than {DOCUMENT_BYTES >> 20} MB: split it")
    return data


def _parsed(data: bytes) -> Any:
    # Numbers stay the text that they were: `50000.0` is not `50000`.
    return json.loads(data.decode("utf-8-sig", "replace"), parse_float=str, parse_int=str)


def _unwrapped(document: Any) -> Iterator[Record]:
    """The records inside a list, a query's answer, or the envelope of a streamed event."""
    if isinstance(document, list):
        for item in document:
            yield from _unwrapped(item)
    elif isinstance(document, dict):
        data = document.get("data")
        payload = data.get("payload") if isinstance(data, dict) else None
        inner = document.get("records", payload)
        if isinstance(inner, list | dict):
            yield from _unwrapped(inner)
        else:
            yield document


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:24]
