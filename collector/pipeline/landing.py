"""From a batch's segments to Parquet files in their place: normalize, stage, move."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb

from collector import engine, normalize
from collector.archive import write
from collector.model import ArchiveFile, Batch
from collector.pipeline import quarantine

Held = Callable[[tuple[str, str]], Sequence[Path]]
"""The committed files of the batch's org and type between two days, both included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """The files of a batch, not yet committed; `duplicates` are events that were there before.

    `quarantined` holds, by the segment's index, why it could not be read and was set aside.
    """

    files: tuple[ArchiveFile, ...] = ()
    duplicates: int = 0
    quarantined: Mapping[int, str] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Events in the files."""
        return sum(file.rows for file in self.files)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why each segment was set aside, in the order of the segments."""
        return tuple(f"segment {index}: {why}" for index, why in sorted(self.quarantined.items()))


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
        return self._land_all(batch, range(len(batch.segments)), held)

    def land_again(self, batch: Batch, indexes: Sequence[int], held: Held) -> Landed:
        """Write segments that were set aside; `indexes` says which of the whole they were."""
        whole = [Path()] * (max(indexes) + 1)
        for index, segment in zip(indexes, batch.segments, strict=True):
            whole[index] = segment
        return self._land_all(replace(batch, segments=tuple(whole)), indexes, held)

    def _land_all(self, batch: Batch, indexes: Sequence[int], held: Held) -> Landed:
        if batch.dedupe:
            return self._land_new(batch, indexes, held)
        with ThreadPoolExecutor(engine.THREADS) as pool:
            return _sum(list(pool.map(lambda index: self._land(batch, index), indexes)))

    def _land(self, batch: Batch, index: int) -> Landed:
        cursor = engine.cursor(self._engine)
        try:
            staged = self._stage(cursor, batch, index)
            if isinstance(staged, str):
                return Landed(quarantined={index: staged})
            if staged is None:
                return Landed()
            return Landed(files=tuple(write.place(cursor, staged, root=self._root, batch=batch)))
        finally:
            cursor.close()

    def _land_new(self, batch: Batch, indexes: Sequence[int], held: Held) -> Landed:
        """One segment after the other, each without what the archive or an earlier one has."""
        landed: list[Landed] = []
        for index in indexes:
            staged = self._stage(self._engine, batch, index)
            if isinstance(staged, str):
                landed.append(Landed(quarantined={index: staged}))
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
        # From its second line on, the engine quotes what it could not read.
        reason = str(error).splitlines()[0]
        quarantine.set_aside(self._quarantine, batch, index, reason)
        return reason


def _sum(parts: Sequence[Landed]) -> Landed:
    return Landed(
        files=tuple(file for part in parts for file in part.files),
        duplicates=sum(part.duplicates for part in parts),
        quarantined={index: reason for part in parts for index, reason in part.quarantined.items()},
    )
