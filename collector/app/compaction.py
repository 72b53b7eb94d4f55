"""Compacts an archive while no daemon works on it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from collector import engine
from collector.app.configured_parts import choose_engine_shares
from collector.app.locked_state import open_locked_state
from collector.detect import RuleSet
from collector.errors import StateBusyError
from collector.ingest.compaction import CompactionResult
from collector.ingest.pipeline import Pipeline
from collector.ingest.state_paths import StatePaths
from collector.settings import Settings


def compact_archive(
    settings: Settings, report_progress: Callable[[float], object]
) -> CompactionResult:
    """Make few files of the many small ones of every day.

    `report_progress` is given the share of the work, 0 to 1, that was done since the last call.

    Raises:
        StateBusyError: a daemon works on the directory; it does the same by itself.
        CollectorError: the state cannot be opened, or is not that of the archive.
    """
    paths = StatePaths(state_dir=settings.state_dir)
    shares = choose_engine_shares(settings.engine)
    try:
        with (
            open_locked_state(settings, paths) as database,
            closing(engine.open_engine(paths.spool, resources=shares.main)) as connection,
        ):
            pipeline = Pipeline(
                database=database,
                connection=connection,
                paths=paths,
                rules=RuleSet(rules=()),
                engine_shares=shares,
            )
            return pipeline.compactor.compact_days(report_progress=report_progress)
    except StateBusyError:
        raise StateBusyError(
            f"a collector is at work on {settings.state_dir}: it makes few files of many by itself,"
            " a minute after they came; there is nothing to do"
        ) from None
