"""The real path in a directory that is gone afterwards, for files and for the tests of rules."""

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
    """A path without orgs and channels, for files and for the tests of rules."""

    paths: StatePaths
    database: Database
    pipeline: Pipeline


@contextmanager
def open_temporary_pipeline(rules: RuleSet) -> Iterator[TemporaryPipeline]:
    """The same path in a directory that is gone afterwards, without orgs and channels."""
    with TemporaryDirectory(prefix="collector-") as directory, ExitStack() as stack:
        places = StatePaths(state_dir=Path(directory))
        places.create_folders()
        database = open_database(places.state_dir)
        stack.callback(database.close)
        connection = engine.open_engine(places.spool)
        stack.callback(connection.close)
        pipeline = Pipeline(database=database, connection=connection, paths=places, rules=rules)
        yield TemporaryPipeline(paths=places, database=database, pipeline=pipeline)
