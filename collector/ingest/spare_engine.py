"""An engine for a moment, for what the one that all share has no memory for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import duckdb

from collector import engine
from collector.engine import EngineResources


class SpareEngine:
    """Opens one engine at a time, whoever asks: more would be more memory than they may take."""

    def __init__(self, resources: EngineResources) -> None:
        self._resources = resources
        self._turn = threading.Lock()

    @contextmanager
    def open_spare(self, spill_directory: Path) -> Iterator[duckdb.DuckDBPyConnection]:
        """An engine that is closed afterwards; waits until nobody else has one."""
        with (
            self._turn,
            closing(engine.open_engine(spill_directory, resources=self._resources)) as connection,
        ):
            yield connection
