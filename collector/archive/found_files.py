"""Reads from the files of an archive what a ledger says of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb

from collector.archive import file_origin
from collector.archive.parquet_sql import FileLocation, build_relation
from collector.escaping import quote_literal
from collector.model import ArchiveFile, Batch, OtherFacts, Stream

_PLACE = re.compile(
    r"org=(?P<org>[^/]+)/event_type=(?P<event_type>[^/]+)/date=(?P<date>[^/]+)/[^/]+\.parquet"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFile:
    """A file of an archive, and the batch that it says it is a part of.

    `is_described` tells whether it says so itself: files of earlier versions do not, and what their
    events do not tell of the batch is empty.
    """

    file: ArchiveFile
    batch: Batch
    is_described: bool


def read_found_file(
    connection: duckdb.DuckDBPyConnection, location: FileLocation, path: str, size: int
) -> FoundFile:
    """What a file at a place (`path`, relative to the archive) says of itself; it has `size` bytes.

    Raises:
        duckdb.Error: it cannot be read.
        ValueError: it is no file of events, or not at its place.
    """
    place = _PLACE.fullmatch(path)
    if place is None:
        raise ValueError("it does not lie where a file of events does")
    relation = build_relation([location])
    row = connection.execute(
        "SELECT count(*), min(time), max(time), max(received), any_value(batch), any_value(source),"
        f" min(event_uid), max(hash(f)) FROM {relation} f"
    ).fetchone()
    if row is None or not row[0]:
        raise ValueError("it has no event")
    rows, first, last, received, key, source, event_uid, _ = row
    file = ArchiveFile(
        path=path,
        rows=rows,
        bytes=size,
        first_time=first.astimezone(UTC),
        last_time=last.astimezone(UTC),
        **place.groupdict(),
    )
    described = _read_origin(connection, location)
    if described is not None and (described.key, described.stream.org) != (key, file.org):
        raise ValueError("it names another batch than its events do")
    batch = described or _guess_batch(file, key, source, event_uid, received.astimezone(UTC))
    return FoundFile(file=file, batch=batch, is_described=described is not None)


def _read_origin(connection: duckdb.DuckDBPyConnection, location: FileLocation) -> Batch | None:
    row = connection.execute(
        f"SELECT decode(value) FROM parquet_kv_metadata({quote_literal(location)})"
        f" WHERE decode(key) = {quote_literal(file_origin.METADATA_KEY)}"
    ).fetchone()
    return None if row is None else file_origin.parse_origin(row[0])


def _guess_batch(
    file: ArchiveFile, key: str, source: str, event_uid: str, received: datetime
) -> Batch:
    """The batch of a file of an earlier version, as far as its events tell."""
    return Batch(
        key=key,
        stream=Stream(org=file.org, source=source, name=file.event_type),
        event_type=file.event_type,
        log_time=file.first_time.replace(minute=0, second=0, microsecond=0),
        received=received,
        segments=(),
        columns=(),
        record_prefix=event_uid.split(":", maxsplit=1)[0],
        dedupe=False,
        cursor=None,
        facts=OtherFacts(),
    )
