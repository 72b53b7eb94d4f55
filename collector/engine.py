"""The only place that opens DuckDB: in memory, in UTC, bounded, and without its network."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import duckdb

MIB = 1 << 20
MEMORY_SHARE = 4
"""The engine may hold one in so many bytes of the memory that there is."""

MIN_MEMORY_BYTES, MAX_MEMORY_BYTES = 512 * MIB, 4096 * MIB

SIDE_SHARE = 4
"""An engine beside the one that collects may hold one in so many bytes of what all may."""

MAX_COMPACTION_BYTES, MAX_SPARE_BYTES = 128 * MIB, 512 * MIB

CGROUP_ROOT = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineResources:
    """How many threads and bytes an engine may take; the process holds some more of both."""

    threads: int
    memory_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineShares:
    """What each engine of a process may take: together no more memory than all of them may.

    Attributes:
        main: collects and detects.
        compaction: is open while files of the archive are merged.
        spare: is opened for what the main one has no memory for, one at a time.
    """

    main: EngineResources
    compaction: EngineResources
    spare: EngineResources


def open_engine(
    spill_directory: Path | None = None,
    *,
    memory_limit: str | None = None,
    resources: EngineResources | None = None,
) -> duckdb.DuckDBPyConnection:
    """A new in-memory engine.

    Args:
        spill_directory: a directory that large sorts may spill to; None forbids spilling.
        memory_limit: how much it may hold, as DuckDB writes it; else what `resources` say.
        resources: what it may take; else what fits this machine.

    One engine may serve several threads, each with its own `open_cursor(engine)`.
    """
    resources = resources or choose_resources()
    engine = duckdb.connect(
        config={
            "memory_limit": memory_limit or f"{resources.memory_bytes // MIB}MiB",
            "threads": resources.threads,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "temp_directory": str(spill_directory) if spill_directory else "",
        }
    )
    return _set_utc(engine)


def open_cursor(engine: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """A further connection to the same engine, for another thread."""
    return _set_utc(engine.cursor())


def count_threads(engine: duckdb.DuckDBPyConnection) -> int:
    """How many threads an engine works with."""
    row = engine.execute("SELECT current_setting('threads')").fetchone()
    assert row is not None  # noqa: S101 - it always has that setting
    return int(row[0])


@cache
def choose_resources() -> EngineResources:
    """What fits this machine: a thread for each core that we may use, a quarter of the memory.

    Limits of the control group (a container's) count as the machine's.
    """
    memory = measure_memory(CGROUP_ROOT) // MEMORY_SHARE
    return EngineResources(
        threads=count_cores(CGROUP_ROOT),
        memory_bytes=max(MIN_MEMORY_BYTES, min(memory, MAX_MEMORY_BYTES)),
    )


def share_resources(resources: EngineResources) -> EngineShares:
    """The shares of engines that work side by side in one process, at least half for the main one.

    The others have one thread each, since the memory that is needed grows with the threads.
    """
    side = resources.memory_bytes // SIDE_SHARE
    compaction, spare = min(side, MAX_COMPACTION_BYTES), min(side, MAX_SPARE_BYTES)
    return EngineShares(
        main=replace(resources, memory_bytes=resources.memory_bytes - compaction - spare),
        compaction=EngineResources(threads=1, memory_bytes=compaction),
        spare=EngineResources(threads=1, memory_bytes=spare),
    )


def count_cores(cgroup_root: Path) -> int:
    """The cores that this process may use at a time, at least 1.

    `cpu.max` of a control group is a quota and a period in microseconds, or `max`.
    Source: Linux, Documentation/admin-guide/cgroup-v2.rst.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    quota, _, period = _read_limit(cgroup_root / "cpu.max").partition(" ")
    if quota.isdigit() and period.isdigit() and int(period):
        return max(1, min(cores or 1, int(quota) // int(period)))
    return max(1, cores or 1)


def measure_memory(cgroup_root: Path) -> int:
    """The bytes of memory that this process may use: the machine's, or its control group's."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = _read_limit(cgroup_root / "memory.max")
    return min(machine, int(limit)) if limit.isdigit() else machine


def _read_limit(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeError):
        return ""


def _set_utc(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    connection.execute("SET TimeZone = 'UTC'")
    return connection
