"""The daemon: APScheduler's clockwork over our own due times, a thread for each org and lane."""

from __future__ import annotations

import gc
import logging
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import inf
from zoneinfo import ZoneInfo

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from collector import clock, engine, free_memory
from collector.app import daemon_stop
from collector.app.absences import ABSENCE_SECONDS, settle_absences
from collector.app.wiring import Collector
from collector.collection.poller import Poller
from collector.errors import StoppedError
from collector.ingest.chain_upkeep import log_chain_head
from collector.logs import log
from collector.sources import Lane, select_lane

TICK_SECONDS = 0.5
"""Seconds between two looks at what is due."""

SWITCH_SECONDS = 0.0005
"""Seconds after which a busy thread lets another one run Python. Urgent work is many short steps
between waits; with Python's own 5 ms, bulk work would take that long before each of them."""

HEALTH_CHECK_SECONDS = 300.0
"""Seconds between two checks of the collector's own health."""

RELOAD_SECONDS = 5.0
"""Seconds between two looks whether the files of rules and lists have changed."""

PRUNE_SECONDS = 3600.0
"""Seconds between two looks whether archive and state are to be pruned, and before the first."""

SNAPSHOT_SECONDS = 10.0
"""Seconds between two looks whether a snapshot of the state is due."""

FOLD_SECONDS = 15.0
"""Seconds between two looks for matches that an earlier process, or a failure, has left."""

SETTLE_SECONDS = 5.0
"""Seconds between two looks whether the directory has learned something of earlier events."""

COMPACT_SECONDS = 60.0
"""Seconds between two looks for small files of the archive that are to become few."""

TRIM_SECONDS = 30.0
"""Seconds between two times that memory which is not used any more goes back to the system."""

MIN_ARENAS = 2
"""So many at least: a thread that works in Python does not wait for one in the engine."""

SCRUB_LOOK_SECONDS = 300.0
"""Seconds between two looks whether it is time for the next slice of the archive."""

CHAIN_LOG_SECONDS = 86_400.0
"""Seconds between two log lines with the head of the hash chain."""

TURN_SECONDS = {Lane.URGENT: 10.0, Lane.BULK: inf}
"""Seconds after which a source with a backlog gives way to the others of its lane."""

FAULT_PAUSE = timedelta(minutes=1)
"""The pause after an org's fault; `LoginThrottle` decides on refused logins."""


def prepare_memory() -> None:
    """Let this process, before it has threads, allocate with no more arenas than it has cores.

    What loading it has left is looked through once, since it works for long, and not again.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    free_memory.limit_arenas(max(MIN_ARENAS, engine.choose_resources().threads))


def run_forever(collector: Collector) -> None:
    """Work until SIGTERM or SIGINT, then end in time.

    What can, ends between two steps; what cannot, is cut short: as after a kill, nothing that was
    not committed has happened.

    Raises:
        StateDatabaseError: the state database was deleted meanwhile.
    """
    with daemon_stop.end_in_time(collector.pipeline, collector.stop_event):
        _run_scheduler(collector)
    log.info("daemon_stopped")
    collector.database.check_presence()


def _run_scheduler(collector: Collector) -> None:
    sys.setswitchinterval(SWITCH_SECONDS)
    with suppress(StoppedError):
        collector.rule_reloader.begin()
    scheduler = _build_scheduler(collector)
    scheduler.start()
    log.info(
        "daemon_started",
        orgs=[poller.org for poller in collector.pollers],
        channels=list(collector.deliverer.channels),
    )
    log_chain_head(collector.database)
    collector.stop_event.wait()
    log.info("daemon_stopping")
    scheduler.shutdown(wait=True)


def _build_scheduler(collector: Collector) -> BackgroundScheduler:
    # Its warnings about a tick that found the last one still at work say nothing here.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    jobs: dict[str, Callable[[], None]] = {
        f"poll {poller.org} {lane}": _LanePollJob(
            poller, lane, TURN_SECONDS[lane], collector.stop_event
        )
        for poller in collector.pollers
        for lane in Lane
    }
    for name in collector.deliverer.channels:
        jobs[f"deliver {name}"] = _ChannelDeliveryJob(collector, name)
    jobs |= _build_upkeep_jobs(collector)
    scheduler = BackgroundScheduler(
        timezone=ZoneInfo("UTC"),
        executors={"default": ThreadPoolExecutor(max(1, len(jobs)))},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )
    for name, job in jobs.items():
        scheduler.add_job(job, "interval", seconds=TICK_SECONDS, id=name, next_run_time=clock.now())
    return scheduler


def _build_upkeep_jobs(collector: Collector) -> dict[str, Callable[[], None]]:
    """What the collector does for itself, by the names of the jobs."""
    health_monitor, pipeline = collector.health_monitor, collector.pipeline
    scrub_period = collector.settings.archive.scrub
    actions: dict[str, tuple[float, Callable[[], object]]] = {
        "watch": (HEALTH_CHECK_SECONDS, lambda: health_monitor.check_health(clock.now())),
        "fold": (FOLD_SECONDS, pipeline.fold_unfolded_matches),
        "settle": (SETTLE_SECONDS, pipeline.settle_directory),
        "settle_absences": (ABSENCE_SECONDS, lambda: settle_absences(collector)),
        "compact": (COMPACT_SECONDS, pipeline.compactor.compact_recent_days),
        "prune": (PRUNE_SECONDS, lambda: collector.pruner.prune_when_due(clock.now())),
        "reload": (RELOAD_SECONDS, collector.rule_reloader.reload_rules),
        "trim": (TRIM_SECONDS, free_memory.return_free_memory),
        "scrub": (SCRUB_LOOK_SECONDS, lambda: pipeline.scrub_archive(scrub_period)),
        "chain_log": (CHAIN_LOG_SECONDS, lambda: log_chain_head(collector.database)),
    }
    if collector.snapshot_keeper is not None:
        actions["snapshot"] = (SNAPSHOT_SECONDS, collector.snapshot_keeper.keep_snapshots)
    return {
        name: _PeriodicJob(seconds, f"{name}_failed", action)
        for name, (seconds, action) in actions.items()
    }


@dataclass(slots=True)
class _LanePollJob:
    """Polls what is due in one lane of one org; its troubles pause that alone."""

    poller: Poller
    lane: Lane
    turn_seconds: float
    stop_event: threading.Event
    paused_until: datetime = field(default=clock.EPOCH)

    def __call__(self) -> None:
        if clock.now() < self.paused_until:
            return
        try:
            for source in select_lane(self.poller.list_due_sources(clock.now()), self.lane):
                if self.stop_event.is_set():
                    return
                self.poller.poll_source(source, turn_seconds=self.turn_seconds)
        except StoppedError:
            return
        except Exception as error:  # noqa: BLE001 - an org's fault must not end the daemon
            self._pause_lane(error)

    def _pause_lane(self, error: Exception) -> None:
        self.paused_until = clock.now() + FAULT_PAUSE
        log.error(
            "org_paused",
            org=self.poller.org,
            lane=str(self.lane),
            seconds=FAULT_PAUSE.seconds,
            reason=str(error),
        )


@dataclass(frozen=True, slots=True)
class _ChannelDeliveryJob:
    """Sends what is due on one channel."""

    collector: Collector
    channel: str

    def __call__(self) -> None:
        try:
            self.collector.deliverer.drain_channel(self.channel)
        except Exception as error:  # noqa: BLE001 - a channel's fault must not end the daemon
            log.error("channel_failed", channel=self.channel, reason=str(error))


@dataclass(slots=True)
class _PeriodicJob:
    """Acts at an interval for the collector itself. A fault is logged as `failure_event`."""

    interval_seconds: float
    failure_event: str
    action: Callable[[], object]
    next_run: float = field(init=False)

    def __post_init__(self) -> None:
        self.next_run = clock.monotonic() + self.interval_seconds

    def __call__(self) -> None:
        if clock.monotonic() < self.next_run:
            return
        self.next_run = clock.monotonic() + self.interval_seconds
        try:
            self.action()
        except StoppedError:
            return
        except Exception as error:  # noqa: BLE001 - this must not end what it looks after
            log.error(self.failure_event, reason=str(error))
