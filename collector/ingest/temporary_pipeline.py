"""A pipeline in a temporary directory, for local files and for the tests of rules."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from collector import engine
from collector.detect import RuleSet
from collector.ingest.pipeline import Pipeline
from collector.ingest.state_paths import StatePaths
from collector.store.database import Database, open_database


@dataclass(frozen=True, slots=True, kw_only=True)
class TemporaryPipeline:
    """A pipeline without orgs and channels, with its state."""

    paths: StatePaths
    database: Database
    pipeline: Pipeline


@contextmanager
def open_temporary_pipeline(rules: RuleSet) -> Iterator[TemporaryPipeline]:
    """A temporary pipeline, whose directory is deleted at the end."""
    with TemporaryDirectory(prefix="collector-") as directory, ExitStack() as stack:
        paths = StatePaths(state_dir=Path(directory))
        paths.create_folders()
        database = open_database(paths.state_dir)
        stack.callback(database.close)
        connection = engine.open_engine(paths.spool)
        stack.callback(connection.close)
        pipeline = Pipeline(database=database, connection=connection, paths=paths, rules=rules)
        yield TemporaryPipeline(paths=paths, database=database, pipeline=pipeline)
