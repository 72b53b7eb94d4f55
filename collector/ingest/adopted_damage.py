"""Files that cannot be read when a ledger is built again: all that tells of them is their place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from collector.archive.found_files import FoundFile, parse_batch_key, parse_place
from collector.ingest.state_paths import StatePaths
from collector.logs import log
from collector.model import (
    ArchiveFile,
    Batch,
    BatchState,
    Cursor,
    OtherFacts,
    Stream,
    UnknownFacts,
)
from collector.normalize.event_schema import find_family
from collector.sources import SOURCES
from collector.sources.log_file import KIND as LOG_FILES
from collector.sources.log_file import UNKNOWN_INTERVAL
from collector.sources.registry import find_supplier
from collector.store import batch_inventory, damaged_files, ledger, stream_coverage
from collector.store.database import Database

_ASKABLE_SOURCES = frozenset(spec.kind for spec in SOURCES if spec.backfillable)
"""What has a past to read; of the others only what they show now can be had."""


def enter_damaged_files(
    database: Database,
    paths: StatePaths,
    unreadable: Mapping[str, str],
    found: Sequence[FoundFile],
    *,
    now: datetime,
) -> frozenset[str]:
    """Enter what cannot be read as damaged, and set it aside; returns the paths.

    Left out is what does not lie where a file of events does. `unreadable` says by its path why
    each cannot be read, `found` are those that can be.
    """
    entered: set[str] = set()
    for path, reason in unreadable.items():
        file = parse_place(path, 0)
        if file is None:
            continue
        file = replace(file, bytes=paths.archive.measure_file(file) or 0)
        with database.begin() as state:
            _enter_file(state, file, _guess_stream(file, found), reason, now)
        paths.archive.move_file_aside(file, target_root=paths.damaged_files)
        log.error("file_set_aside", path=path, reason=reason)
        entered.add(path)
    return frozenset(entered)


def _enter_file(
    state: sa.Connection, file: ArchiveFile, stream: Stream, reason: str, now: datetime
) -> None:
    key = parse_batch_key(file.path)
    if not batch_inventory.holds_batch(state, key):
        batch = _build_unknown_batch(key, file, stream, now)
        ledger.record_batch(state, batch, ledger.LedgerEntry(state=BatchState.STORED), ())
    damaged_files.enter_damage(state, key, file, reason=reason, now=now)
    if stream.source == LOG_FILES:
        _list_again(state, stream, file)


def _build_unknown_batch(key: str, file: ArchiveFile, stream: Stream, now: datetime) -> Batch:
    is_askable = stream.source in _ASKABLE_SOURCES
    return Batch(
        key=key,
        stream=stream,
        event_type=file.event_type,
        log_time=file.first_time,
        received=now,
        segments=(),
        columns=(),
        record_prefix="",
        dedupe=False,
        cursor=None,
        facts=UnknownFacts() if is_askable else OtherFacts(),
    )


def _guess_stream(file: ArchiveFile, found: Sequence[FoundFile]) -> Stream:
    """The stream of other files of the org and type, else the one that brings such events."""
    of_org = [one.members[0].batch.stream for one in found if one.file.org == file.org]
    of_type = [
        one.members[0].batch.stream
        for one in found
        if (one.file.org, one.file.event_type) == (file.org, file.event_type)
    ]
    if of_type:
        return stream_coverage.to_live_stream(of_type[-1])
    supplier = find_supplier(file.event_type, find_family(file.event_type))
    kind = supplier.kind if supplier else LOG_FILES
    if kind != LOG_FILES:
        return Stream(org=file.org, source=kind, name=file.event_type)
    of_logs = [stream for stream in of_org if stream.source == LOG_FILES]
    if of_logs:
        return stream_coverage.to_live_stream(of_logs[-1])
    return Stream(org=file.org, source=LOG_FILES, name=UNKNOWN_INTERVAL)


def _list_again(state: sa.Connection, stream: Stream, file: ArchiveFile) -> None:
    """Let files be listed again from the day of a damaged one on: none is made before its events.

    What the ledger holds is not fetched again.
    """
    cursor = ledger.read_cursor(state, stream)
    if cursor is not None and cursor.time > file.first_time:
        ledger.save_cursor(state, stream, Cursor(time=file.first_time))
