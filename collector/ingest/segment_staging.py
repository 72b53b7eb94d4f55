"""From one segment to a staged Parquet file; what cannot be read of it is set aside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from collector import normalize
from collector.archive.parquet_writer import StagedFile
from collector.archive.store import ArchiveStore
from collector.csv_records import has_one_record
from collector.geoip import NO_PLACES, PlaceDatabases
from collector.ingest import quarantine
from collector.ingest.quarantined_records import RecordShelf, iterate_records
from collector.ingest.spare_engine import SpareEngine
from collector.model import Batch
from collector.normalize import SegmentRelation

UNREADABLE_ERRORS = (duckdb.InvalidInputException, duckdb.ConversionException)
"""What the engine raises for a segment that is not what it should be."""

_CHUNK_BYTES = 1 << 20
_REPAIRED_SUFFIX = ".repaired"


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedSegment:
    """What became of a segment.

    Attributes:
        file: its events; None when it has none.
        reason: why it, or a record of it, was set aside; empty where nothing was.
        bad_records: how many records were set aside one by one.
    """

    file: StagedFile | None = None
    reason: str = ""
    bad_records: int = 0


class SegmentStager:
    """Stages segments; a record that cannot be read costs no other one."""

    def __init__(
        self,
        *,
        archive: ArchiveStore,
        quarantine_root: Path,
        spare_engine: SpareEngine,
        databases: PlaceDatabases = NO_PLACES,
    ) -> None:
        self._spare_engine = spare_engine
        self._archive = archive
        self._databases = databases
        self._quarantine_root = quarantine_root

    def stage_segment(
        self, connection: duckdb.DuckDBPyConnection, batch: Batch, index: int
    ) -> StagedSegment:
        """The segment's events, staged. Records that were set aside before may be retried by it.

        Raises:
            duckdb.Error: the engine failed, for no fault of the segment.
            OSError: there is no room.
        """
        segment = batch.segments[index]
        if quarantine.holds_records(segment):
            return self._stage_quarantined_records(connection, batch, index)
        if _has_open_quote(segment):
            return self._stage_repaired(connection, batch, index)
        relation = normalize.build_segment_relation(segment, batch.columns)
        try:
            return StagedSegment(file=self._stage_relation(connection, batch, index, relation))
        except UNREADABLE_ERRORS:
            return self._stage_repaired(connection, batch, index)
        except duckdb.OutOfMemoryException:
            return self._stage_alone(batch, index)

    def _stage_alone(self, batch: Batch, index: int) -> StagedSegment:
        """The segment, read by an engine of its own: what that has no memory for, none ever has.

        Repaired, since numbers that are read take less than numbers that are counted.
        """
        spill_directory = batch.segments[index].parent
        with self._spare_engine.open_spare(spill_directory) as connection:
            try:
                return self._stage_repaired(connection, batch, index)
            except duckdb.OutOfMemoryException as error:
                return self._quarantine_segment(batch, index, error)

    def _stage_repaired(
        self, connection: duckdb.DuckDBPyConnection, batch: Batch, index: int
    ) -> StagedSegment:
        """The good records of a segment; where the engine refuses these too, none."""
        try:
            with self._open_repair(batch, index) as (repaired, shelf):
                normalize.repair_segment(
                    batch.segments[index],
                    repaired,
                    batch.columns,
                    keep_record=shelf.add_bad_record,
                )
                relation = normalize.build_repaired_relation(repaired, batch.columns)
                staged = self._stage_relation(connection, batch, index, relation)
        except UNREADABLE_ERRORS as error:
            return self._quarantine_segment(batch, index, error)
        return self._keep_shelf(batch, index, shelf, staged)

    def _stage_quarantined_records(
        self, connection: duckdb.DuckDBPyConnection, batch: Batch, index: int
    ) -> StagedSegment:
        """The records of a list that are good by now; all stay in it where the engine refuses."""
        try:
            with self._open_repair(batch, index) as (repaired, shelf):
                first_ordinal = _sort_records(
                    batch.segments[index], repaired, len(batch.columns), shelf
                )
                relation = normalize.build_repaired_relation(repaired, batch.columns)
                # The segment's other records have a file already, and this is one beside it.
                staged = self._stage_relation(
                    connection, batch, index, relation, name_suffix=f"-{first_ordinal}"
                )
        except UNREADABLE_ERRORS as error:
            return StagedSegment(reason=_describe_error(error))
        return self._keep_shelf(batch, index, shelf, staged)

    @contextmanager
    def _open_repair(self, batch: Batch, index: int) -> Iterator[tuple[Path, RecordShelf]]:
        """A file for a segment's good records and a shelf for the bad ones; the file does not last.

        Where something is raised, nothing was put on the shelf.
        """
        repaired = batch.segments[index].with_suffix(_REPAIRED_SUFFIX)
        shelf = quarantine.open_shelf(
            self._quarantine_root,
            batch,
            index,
            line_offset=_count_earlier_lines(batch, index),
        )
        try:
            yield repaired, shelf
        except BaseException:
            shelf.drop_records()
            raise
        finally:
            repaired.unlink(missing_ok=True)

    def _stage_relation(
        self,
        connection: duckdb.DuckDBPyConnection,
        batch: Batch,
        index: int,
        relation: SegmentRelation,
        *,
        name_suffix: str = "",
    ) -> StagedFile | None:
        lookups = normalize.load_lookups(connection, batch, relation, self._databases)
        select = normalize.build_segment_select(
            batch=batch, segment=index, relation=relation, lookups=lookups
        )
        name = f"{batch.key}-{index:04d}{name_suffix}"
        return self._archive.stage_events(connection, select, name=name, batch=batch)

    def _keep_shelf(
        self, batch: Batch, index: int, shelf: RecordShelf, staged: StagedFile | None
    ) -> StagedSegment:
        if not shelf.count:
            return StagedSegment(file=staged)
        quarantine.store_records(self._quarantine_root, batch, index, shelf)
        return StagedSegment(file=staged, reason=shelf.describe_records(), bad_records=shelf.count)

    def _quarantine_segment(self, batch: Batch, index: int, error: Exception) -> StagedSegment:
        reason = _describe_error(error)
        quarantine.store_segment(self._quarantine_root, batch, index, reason)
        return StagedSegment(reason=reason)


def _sort_records(source: Path, repaired: Path, width: int, shelf: RecordShelf) -> int:
    """Write the good ones of listed records, put the others on the shelf.

    Returns the ordinal of the first good one; 0 where none is.
    """
    first_ordinal = 0
    with repaired.open("wb") as output:
        repaired.chmod(0o600)
        normalize.write_numbered_header(output, width)
        for record in iterate_records(source):
            content = record.read_content()
            if has_one_record(content, width):
                first_ordinal = first_ordinal or record.ordinal
                normalize.write_numbered_record(output, content, record.ordinal)
            else:
                shelf.add_record(record)
    return first_ordinal


def _has_open_quote(path: Path) -> bool:
    """Whether the quotes of a segment do not balance.

    The engine says nothing of a last record that does not end.
    """
    return bool(_count_bytes(path, b'"') & 1)


def _count_earlier_lines(batch: Batch, index: int) -> int:
    """How many lines of the log come before a segment's records, beyond the header line.

    0 where the earlier segments are not at hand, as in a retry.
    """
    earlier = batch.segments[:index]
    if not all(path.is_file() and not quarantine.holds_records(path) for path in earlier):
        return 0
    return sum(_count_bytes(path, b"\n") - 1 for path in earlier)


def _count_bytes(path: Path, wanted: bytes) -> int:
    with path.open("rb") as file:
        return sum(chunk.count(wanted) for chunk in iter(lambda: file.read(_CHUNK_BYTES), b""))


def _describe_error(error: Exception) -> str:
    # From its second line on, the engine quotes what it could not read.
    return str(error).splitlines()[0]
