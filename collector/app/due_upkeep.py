"""What a collector that was started for one pass does for itself, where it is due.

A daemon does the same at its intervals. When a thing was done last stands in the state and beside
it, so that it does not matter which process did it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping

from collector import clock
from collector.app.wiring import Collector
from collector.errors import CompactionError, StoppedError
from collector.ingest.compaction import ArchiveCompactor
from collector.logs import log

UPKEEP_SECONDS = 60.0
"""After so many seconds it leaves the rest to the next pass: a timer may start one soon."""


def take_due_snapshot(collector: Collector) -> list[str]:
    """Take a snapshot of the state where the last one is old enough. Returns why it failed.

    It has all the time that it needs: half a snapshot is none, however often it is begun.
    """
    if collector.snapshot_keeper is None:
        return []
    return list(_try_actions({"snapshot": collector.snapshot_keeper.keep_snapshots}))


def do_due_upkeep(collector: Collector, *, seconds: float = UPKEEP_SECONDS) -> list[str]:
    """Prune, compact, and read a slice of the archive, where it is due. Returns what failed.

    Of a collector that does nothing else any more: after these seconds its `stop_event` is set,
    which ends each of them between two steps. What was done by then stays.
    """
    timer = threading.Timer(seconds, collector.stop_event.set)
    timer.daemon = True
    timer.start()
    try:
        return list(_try_actions(_list_actions(collector)))
    finally:
        timer.cancel()
        timer.join()


def _list_actions(collector: Collector) -> dict[str, Callable[[], object]]:
    pipeline, scrub_period = collector.pipeline, collector.settings.archive.scrub
    return {
        "prune": lambda: collector.pruner.prune_when_due(clock.now()),
        "compaction": lambda: _compact_archive(pipeline.compactor),
        "scrub": lambda: pipeline.scrub_archive(scrub_period),
    }


def _compact_archive(compactor: ArchiveCompactor) -> None:
    problems = compactor.compact_recent_days().problems
    if problems:
        raise CompactionError("; ".join(problems))


def _try_actions(actions: Mapping[str, Callable[[], object]]) -> Iterator[str]:
    """Do one after the other; the fault of one does not keep the others from being done."""
    for name, action in actions.items():
        try:
            action()
        except StoppedError:
            log.info("upkeep_postponed", part=name, reason="out of time; the next pass goes on")
        except Exception as error:  # noqa: BLE001 - whatever fails, alerts were sent before it
            log.error(f"{name}_failed", reason=str(error))
            yield f"{name}: {error}"
