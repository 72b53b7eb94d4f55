"""From a batch's segments to Parquet files in their place: normalize, stage, move."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import duckdb

from collector import engine, normalize
from collector.archive import write
from collector.model import ArchiveFile, Batch

Held = Callable[[tuple[str, str]], Sequence[Path]]
"""The committed files of the batch's org and type between two days, both included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """The files of a batch, not yet committed; `duplicates` are events that were there before.

    `quarantined` holds a reason for each segment that could not be read and was set aside.
    """

    files: tuple[ArchiveFile, ...] = ()
    duplicates: int = 0
    quarantined: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """Events in the files."""
        return sum(file.rows for file in self.files)


class Landing:
    """Lands batches below `root`; sets aside what cannot be read below `quarantine`."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, *, root: Path, quarantine: Path
    ) -> None:
        self._engine = connection
        self._root = root
        self._quarantine = quarantine

    def land(self, batch: Batch, held: Held) -> Landed:
        """Write all segments of a batch. Each is one task; two cores work on two of them."""
        if batch.dedupe:
            return self._land_new(batch, held)
        with ThreadPoolExecutor(engine.THREADS) as pool:
            landed = list(pool.map(lambda index: self._land(batch, index), _indexes(batch)))
        return _sum(landed)

    def _land(self, batch: Batch, index: int) -> Landed:
        cursor = engine.cursor(self._engine)
        try:
            staged = self._stage(cursor, batch, index)
            if isinstance(staged, str):
                return Landed(quarantined=(staged,))
            if staged is None:
                return Landed()
            return Landed(files=tuple(write.place(cursor, staged, root=self._root, batch=batch)))
        finally:
            cursor.close()

    def _land_new(self, batch: Batch, held: Held) -> Landed:
        """One segment after the other, each without what the archive or an earlier one has."""
        landed: list[Landed] = []
        for index in _indexes(batch):
            staged = self._stage(self._engine, batch, index)
            if isinstance(staged, str):
                landed.append(Landed(quarantined=(staged,)))
            elif staged is not None:
                earlier = [self._root / file.path for part in landed for file in part.files]
                files = write.place_new(
                    self._engine,
                    staged,
                    root=self._root,
                    batch=batch,
                    held=[*held(staged.dates), *earlier],
                )
                kept = sum(file.rows for file in files)
                landed.append(Landed(files=tuple(files), duplicates=staged.rows - kept))
        return _sum(landed)

    def _stage(
        self, connection: duckdb.DuckDBPyConnection, batch: Batch, index: int
    ) -> write.Staged | str | None:
        """The staged segment, None when it has no rows, or why it had to be set aside."""
        try:
            return self._normalize(connection, batch, index)
        except (duckdb.InvalidInputException, duckdb.ConversionException):
            normalize.repair(batch.segments[index])
        try:
            return self._normalize(connection, batch, index)
        except (duckdb.InvalidInputException, duckdb.ConversionException) as error:
            return self._set_aside(batch, index, error)

    def _normalize(
        self, connection: duckdb.DuckDBPyConnection, batch: Batch, index: int
    ) -> write.Staged | None:
        relation = normalize.segment_relation(batch.segments[index], batch.columns)
        select = normalize.select(batch=batch, segment=index, relation=relation)
        return write.stage(connection, select, root=self._root, name=f"{batch.key}-{index:04d}")

    def _set_aside(self, batch: Batch, index: int, error: Exception) -> str:
        target = self._quarantine / batch.key
        target.mkdir(parents=True, exist_ok=True, mode=0o700)
        segment = batch.segments[index]
        shutil.copyfile(segment, target / segment.name)
        return f"segment {index}: {str(error).splitlines()[0]}"


def _indexes(batch: Batch) -> range:
    return range(len(batch.segments))


def _sum(parts: Sequence[Landed]) -> Landed:
    return Landed(
        files=tuple(file for part in parts for file in part.files),
        duplicates=sum(part.duplicates for part in parts),
        quarantined=tuple(reason for part in parts for reason in part.quarantined),
    )
