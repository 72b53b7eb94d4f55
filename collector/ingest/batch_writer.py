"""From a batch's segments to Parquet files in their place: normalize, stage, move."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb

from collector import engine
from collector.archive.parquet_sql import FileLocation, build_relation
from collector.archive.store import ArchiveStore
from collector.geoip import NO_PLACES, PlaceDatabases
from collector.ingest.segment_staging import SegmentStager, StagedSegment
from collector.ingest.spare_engine import SpareEngine
from collector.model import ArchiveFile, Batch

ExistingFiles = Callable[[tuple[str, str]], Sequence[ArchiveFile]]
"""The committed files between two days, both included, that may have events of the batch: those of
its org and type, or, where its records are not served twice, compacted ones with some of them."""

ALL_DATES = ("0001-01-01", "9999-12-31")


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenBatch:
    """The files of a batch, not yet committed; `duplicates` are events that were there before.

    `reasons_by_segment` says by index why a segment, or some of its records, could not be read
    and was set aside; `bad_records` is how many were set aside one by one. `unknown_times` events
    have the time of the batch, for want of their own.
    """

    files: tuple[ArchiveFile, ...] = ()
    duplicates: int = 0
    reasons_by_segment: Mapping[int, str] = field(default_factory=dict)
    bad_records: int = 0
    unknown_times: int = 0

    @property
    def rows(self) -> int:
        """Events in the files."""
        return sum(file.rows for file in self.files)

    @property
    def quarantine_reasons(self) -> tuple[str, ...]:
        """Why each segment was set aside, in the order of the segments."""
        return tuple(
            f"segment {index}: {why}" for index, why in sorted(self.reasons_by_segment.items())
        )


class BatchWriter:
    """Writes batches to the archive; sets aside what cannot be read below `quarantine_root`."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        *,
        archive: ArchiveStore,
        quarantine_root: Path,
        spare_engine: SpareEngine,
        databases: PlaceDatabases = NO_PLACES,
    ) -> None:
        self._engine = connection
        self._archive = archive
        self._stager = SegmentStager(
            archive=archive,
            quarantine_root=quarantine_root,
            spare_engine=spare_engine,
            databases=databases,
        )

    def write_segments(
        self, batch: Batch, indexes: Sequence[int], existing_files: ExistingFiles
    ) -> WrittenBatch:
        """Write a batch's segments, or what was set aside of them.

        `indexes` are theirs in the whole batch. Each is one task; two cores work on two of them.
        """
        segments = [Path()] * (max(indexes) + 1)
        for index, segment in zip(indexes, batch.segments, strict=True):
            segments[index] = segment
        return self._write_segments(
            replace(batch, segments=tuple(segments)), indexes, existing_files
        )

    def _write_segments(
        self, batch: Batch, indexes: Sequence[int], existing_files: ExistingFiles
    ) -> WrittenBatch:
        if batch.dedupe:
            return self._write_new_events(batch, indexes, existing_files)
        if existing_files(ALL_DATES):
            # Read again, or tried again: what of it is in compacted files stays there.
            return replace(self._write_new_events(batch, indexes, existing_files), duplicates=0)
        with ThreadPoolExecutor(engine.count_threads(self._engine)) as pool:
            return _merge_written(
                list(pool.map(lambda index: self._write_segment(batch, index), indexes))
            )

    def _write_segment(self, batch: Batch, index: int) -> WrittenBatch:
        cursor = engine.open_cursor(self._engine)
        try:
            segment = self._stager.stage_segment(cursor, batch, index)
            files = (
                self._archive.publish_events(cursor, segment.file, batch) if segment.file else ()
            )
            return self._build_written(cursor, index, segment, files)
        finally:
            cursor.close()

    def _write_new_events(
        self, batch: Batch, indexes: Sequence[int], existing_files: ExistingFiles
    ) -> WrittenBatch:
        """One segment after the other, each without what the archive or an earlier one has."""
        parts: list[WrittenBatch] = []
        for index in indexes:
            segment = self._stager.stage_segment(self._engine, batch, index)
            if segment.file is None:
                parts.append(self._build_written(self._engine, index, segment, ()))
                continue
            earlier = [file for part in parts for file in part.files]
            existing = [*existing_files(segment.file.date_range), *earlier]
            files = self._archive.publish_new_events(self._engine, segment.file, batch, existing)
            parts.append(self._build_written(self._engine, index, segment, files))
        return _merge_written(parts)

    def _build_written(
        self,
        connection: duckdb.DuckDBPyConnection,
        index: int,
        segment: StagedSegment,
        files: Sequence[ArchiveFile],
    ) -> WrittenBatch:
        staged_rows = segment.file.rows if segment.file else 0
        return WrittenBatch(
            files=tuple(files),
            duplicates=staged_rows - sum(file.rows for file in files),
            reasons_by_segment={index: segment.reason} if segment.reason else {},
            bad_records=segment.bad_records,
            unknown_times=_count_unknown_times(connection, self._archive.locate_files(files)),
        )


def _count_unknown_times(
    connection: duckdb.DuckDBPyConnection, locations: Sequence[FileLocation]
) -> int:
    """How many events of these files have the time of their batch."""
    if not locations:
        return 0
    row = connection.execute(
        f"SELECT count(time_defect) FROM {build_relation(locations)}"
    ).fetchone()
    return int(row[0]) if row else 0


def _merge_written(parts: Sequence[WrittenBatch]) -> WrittenBatch:
    return WrittenBatch(
        files=tuple(file for part in parts for file in part.files),
        duplicates=sum(part.duplicates for part in parts),
        bad_records=sum(part.bad_records for part in parts),
        unknown_times=sum(part.unknown_times for part in parts),
        reasons_by_segment={
            index: reason for part in parts for index, reason in part.reasons_by_segment.items()
        },
    )
