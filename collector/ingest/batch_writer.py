"""From a batch's segments to Parquet files in their place: normalize, stage, move."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb

from collector import engine, normalize
from collector.archive.parquet_writer import StagedFile
from collector.archive.store import ArchiveStore
from collector.ingest import quarantine
from collector.model import ArchiveFile, Batch

ExistingFiles = Callable[[tuple[str, str]], Sequence[ArchiveFile]]
"""The committed files of the batch's org and type between two days, both included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenBatch:
    """The files of a batch, not yet committed; `duplicates` are events that were there before.

    `reasons_by_segment` says by index why a segment could not be read and was set aside.
    """

    files: tuple[ArchiveFile, ...] = ()
    duplicates: int = 0
    reasons_by_segment: Mapping[int, str] = field(default_factory=dict)

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
        self, connection: duckdb.DuckDBPyConnection, *, archive: ArchiveStore, quarantine_root: Path
    ) -> None:
        self._engine = connection
        self._archive = archive
        self._quarantine_root = quarantine_root

    def write_batch(self, batch: Batch, existing_files: ExistingFiles) -> WrittenBatch:
        """Write all segments of a batch. Each is one task; two cores work on two of them."""
        return self._write_segments(batch, range(len(batch.segments)), existing_files)

    def rewrite_segments(
        self, batch: Batch, indexes: Sequence[int], existing_files: ExistingFiles
    ) -> WrittenBatch:
        """Write segments that were set aside; `indexes` are theirs in the whole batch."""
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
        with ThreadPoolExecutor(engine.THREADS) as pool:
            return _merge_written(
                list(pool.map(lambda index: self._write_segment(batch, index), indexes))
            )

    def _write_segment(self, batch: Batch, index: int) -> WrittenBatch:
        cursor = engine.open_cursor(self._engine)
        try:
            staged = self._stage_segment(cursor, batch, index)
            if isinstance(staged, str):
                return WrittenBatch(reasons_by_segment={index: staged})
            if staged is None:
                return WrittenBatch()
            return WrittenBatch(files=tuple(self._archive.publish_events(cursor, staged, batch)))
        finally:
            cursor.close()

    def _write_new_events(
        self, batch: Batch, indexes: Sequence[int], existing_files: ExistingFiles
    ) -> WrittenBatch:
        """One segment after the other, each without what the archive or an earlier one has."""
        parts: list[WrittenBatch] = []
        for index in indexes:
            staged = self._stage_segment(self._engine, batch, index)
            if isinstance(staged, str):
                parts.append(WrittenBatch(reasons_by_segment={index: staged}))
            elif staged is not None:
                earlier = [file for part in parts for file in part.files]
                existing = [*existing_files(staged.date_range), *earlier]
                files = self._archive.publish_new_events(self._engine, staged, batch, existing)
                rows = sum(file.rows for file in files)
                parts.append(WrittenBatch(files=tuple(files), duplicates=staged.rows - rows))
        return _merge_written(parts)

    def _stage_segment(
        self, connection: duckdb.DuckDBPyConnection, batch: Batch, index: int
    ) -> StagedFile | str | None:
        """The staged segment, None when it has no rows, or why it had to be set aside."""
        try:
            return self._normalize_segment(connection, batch, index)
        except (duckdb.InvalidInputException, duckdb.ConversionException):
            normalize.repair_segment(batch.segments[index])
        try:
            return self._normalize_segment(connection, batch, index)
        except (duckdb.InvalidInputException, duckdb.ConversionException) as error:
            return self._quarantine_segment(batch, index, error)

    def _normalize_segment(
        self, connection: duckdb.DuckDBPyConnection, batch: Batch, index: int
    ) -> StagedFile | None:
        relation = normalize.build_segment_relation(batch.segments[index], batch.columns)
        select = normalize.build_segment_select(batch=batch, segment=index, relation=relation)
        name = f"{batch.key}-{index:04d}"
        return self._archive.stage_events(connection, select, name=name, batch=batch)

    def _quarantine_segment(self, batch: Batch, index: int, error: Exception) -> str:
        # From its second line on, the engine quotes what it could not read.
        reason = str(error).splitlines()[0]
        quarantine.store_segment(self._quarantine_root, batch, index, reason)
        return reason


def _merge_written(parts: Sequence[WrittenBatch]) -> WrittenBatch:
    return WrittenBatch(
        files=tuple(file for part in parts for file in part.files),
        duplicates=sum(part.duplicates for part in parts),
        reasons_by_segment={
            index: reason for part in parts for index, reason in part.reasons_by_segment.items()
        },
    )
