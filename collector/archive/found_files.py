"""Reads from the files of an archive what a ledger says of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import duckdb

from collector.archive.footers import read_footers
from collector.archive.member_origins import CompactedOrigin, FileMember, count_by_batch
from collector.archive.parquet_sql import FileLocation, build_relation
from collector.model import ArchiveFile, Batch, OtherFacts, Stream

_PLACE = re.compile(
    r"org=(?P<org>[^/]+)/event_type=(?P<event_type>[^/]+)/date=(?P<date>[^/]+)/[^/]+\.parquet"
)
_NAME = re.compile(r"(?P<key>.+?)(-[0-9]+)+\.parquet")


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFile:
    """A file of an archive, and the batches that it has events of.

    `is_described` tells whether it says so itself: files of earlier versions do not, and what their
    events do not tell of the batch is empty. `replaced_hashes` has the hashes of what a compacted
    one was made from, by place.
    """

    file: ArchiveFile
    members: tuple[FileMember, ...]
    is_described: bool
    replaced_hashes: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_compacted(self) -> bool:
        """Whether it was made from others."""
        return bool(self.replaced_hashes)


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
    footer = read_footers(connection, [location]).get(location)
    if isinstance(footer, CompactedOrigin):
        _check_members(connection, relation, file, footer)
        return FoundFile(
            file=file,
            members=footer.members,
            is_described=True,
            replaced_hashes=footer.replaced_hashes,
        )
    if footer is not None and (footer.key, footer.stream.org) != (key, file.org):
        raise ValueError("it names another batch than its events do")
    batch = footer or _guess_batch(file, key, source, event_uid, received.astimezone(UTC))
    return FoundFile(
        file=file,
        members=(FileMember(batch=batch, rows=rows),),
        is_described=footer is not None,
    )


def _check_members(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    file: ArchiveFile,
    origin: CompactedOrigin,
) -> None:
    rows = connection.execute(f"SELECT batch, count(*) FROM {relation} GROUP BY batch").fetchall()
    orgs = {member.batch.stream.org for member in origin.members}
    if dict(rows) != count_by_batch(origin.members) or orgs != {file.org}:
        raise ValueError("it names other batches than its events do")


def parse_place(path: str, size: int) -> ArchiveFile | None:
    """What the place of a file of `size` bytes tells of it: no number of events, its whole day.

    None where it does not lie where a file of events does.
    """
    place = _PLACE.fullmatch(path)
    try:
        day = datetime.strptime(place["date"], "%Y-%m-%d").replace(tzinfo=UTC) if place else None
    except ValueError:
        return None
    if place is None or day is None:
        return None
    return ArchiveFile(
        path=path,
        rows=0,
        bytes=size,
        first_time=day,
        last_time=day + timedelta(days=1) - timedelta(microseconds=1),
        **place.groupdict(),
    )


def parse_batch_key(path: str) -> str:
    """The key of the batch that the file at a path is a part of, by its name."""
    name = path.rsplit("/", maxsplit=1)[-1]
    match = _NAME.fullmatch(name)
    return match["key"] if match else name


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
