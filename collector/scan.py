"""Turns files that one already has into batches: event log CSV, and JSON or NDJSON of records."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from collector import clock, normalize
from collector.errors import CollectorError, CorruptDownload
from collector.model import Batch, Stream
from collector.segments import Cutter, Segments, write_records
from collector.text import is_file_name

ORG = "scan"
SUFFIXES = (".csv", ".json", ".jsonl", ".ndjson")
_CHUNK = 1 << 20

ALIASES = {
    "AsynchronousReportRun": "AsyncReportRun",
    "CspViolation": "CSPViolation",
    "DocumentAttachmentDownoads": "DocumentAttachmentDownloads",
}
"""EVENT_TYPE texts inside files that differ from the file's EventType."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A file without events that we can name; `failed` when it should have had some."""

    path: Path
    reason: str
    failed: bool = False


def find(paths: Iterable[Path], *, recursive: bool) -> Iterator[Path]:
    """The files to scan: those that are named, and below folders those with a known suffix."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        inside = path.rglob("*") if recursive else path.glob("*")
        yield from sorted(file for file in inside if file.is_file() and _suffix(file) in SUFFIXES)


def batches(path: Path, spool: Path, *, event_type: str | None = None) -> Iterator[Batch | Skipped]:
    """The events of one file, a batch for each event type in it.

    The type is `event_type` if given, else what the records say (`attributes.type`, EVENT_TYPE),
    else the known type that the file's name holds.
    """
    try:
        if _suffix(path) == ".csv":
            yield _csv(path, spool, event_type)
        else:
            yield from _json(path, spool, event_type)
    except (CollectorError, OSError, ValueError, RecursionError) as error:
        yield Skipped(path=path, reason=str(error), failed=True)


def type_of(record: Mapping[str, Any]) -> str | None:
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


def records_columns(records: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Every key of the records, in the order in which they first come."""
    return tuple(dict.fromkeys(key for record in records for key in record if key != "attributes"))


def _csv(path: Path, spool: Path, event_type: str | None) -> Batch | Skipped:
    identity = hashlib.sha256()
    cutter = Cutter(spool, f"csv-{_digest(str(path))}")
    try:
        with _open(path) as file:
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
        return Skipped(path=path, reason="its event type cannot be told; give --type")
    return batch_of(
        chosen, segments, org=ORG, identity=identity.hexdigest(), received=_modified(path)
    )


def _json(path: Path, spool: Path, event_type: str | None) -> Iterator[Batch | Skipped]:
    by_type: dict[str, list[Mapping[str, Any]]] = {}
    unnamed = 0
    for record in _records(path):
        chosen = event_type or type_of(record) or _type_by_name(path)
        if chosen is None or not _is_event(record, chosen):
            unnamed += 1
        else:
            by_type.setdefault(chosen, []).append(record)
    if unnamed:
        reason = f"{unnamed} records are no events whose type can be told; give --type"
        yield Skipped(path=path, reason=reason)
    for chosen, records in by_type.items():
        identity = _digest(json.dumps(records, sort_keys=True, default=str))
        segments = write_records(
            spool, f"json-{_digest(str(path))}-{chosen}", records_columns(records), records
        )
        yield batch_of(chosen, segments, org=ORG, identity=identity, received=_modified(path))


def _is_event(record: Mapping[str, Any], event_type: str) -> bool:
    fields = normalize.fields(event_type)
    return fields is None or any(key in fields for key in record)


def _records(path: Path) -> Iterator[Mapping[str, Any]]:
    with _open(path) as file:
        text = file.read().decode("utf-8-sig", errors="replace")
    for document in _documents(text):
        yield from _unwrapped(document)


def _documents(text: str) -> Iterator[Any]:
    try:
        # Numbers stay the text that they were: `50000.0` is not `50000`.
        yield json.loads(text, parse_float=str, parse_int=str)
    except json.JSONDecodeError as error:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) < 2:
            raise CorruptDownload(f"it is no JSON: {error}") from error
        for line in lines:
            yield json.loads(line, parse_float=str, parse_int=str)


def _unwrapped(document: Any) -> Iterator[Mapping[str, Any]]:
    """The records inside a list, a query's answer, or the envelope of a streamed event."""
    if isinstance(document, list):
        for item in document:
            yield from _unwrapped(item)
    elif isinstance(document, dict):
        data = document.get("data")
        inner = document.get("records") or (isinstance(data, dict) and data.get("payload"))
        if isinstance(inner, (dict, list)):
            yield from _unwrapped(inner)
        else:
            yield document


def _type_in(segments: Segments) -> str | None:
    """The EVENT_TYPE of the first record."""
    with segments.paths[0].open(newline="", encoding="utf-8", errors="replace") as file:
        rows = csv.reader(file)
        next(rows, None)
        first = next(rows, [])
    return type_of(dict(zip(segments.columns, first, strict=False)))


def _type_by_name(path: Path) -> str | None:
    words = re.findall(r"[A-Za-z0-9]+", path.name.split(".")[0])
    by_lower = {name.lower(): name for name in normalize.event_types()}
    return next((by_lower[word.lower()] for word in words if word.lower() in by_lower), None)


def _open(path: Path) -> IO[bytes]:
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def _suffix(path: Path) -> str:
    return Path(path.stem).suffix if path.suffix == ".gz" else path.suffix


def _modified(path: Path) -> datetime:
    return min(datetime.fromtimestamp(path.stat().st_mtime, UTC), clock.now())


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:24]
