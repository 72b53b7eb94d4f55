"""The daemon: APScheduler's clockwork over our own due times, a thread for each org and lane."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import inf
from zoneinfo import ZoneInfo

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from collector import clock
from collector.app import daemon_stop
from collector.app.wiring import Collector
from collector.collection.poller import Poller, PollResult
from collector.errors import LoginRefusedError, StoppedError
from collector.logs import log
from collector.model import PollState
from collector.salesforce.clock_skew import BLINDING_SKEW, describe_clock_skew
from collector.sources import Lane, Source

TICK_SECONDS = 0.5
"""Seconds between two looks at what is due."""

SWITCH_SECONDS = 0.0005
"""Seconds after which a busy thread lets another one run Python. Urgent work is many short steps
between waits; with Python's own 5 ms, bulk work would take that long before each of them."""

HEALTH_CHECK_SECONDS = 300.0
"""Seconds between two checks of the collector's own health."""

RELOAD_SECONDS = 5.0
"""Seconds between two looks whether the files of rules and lists have changed."""

FOLD_SECONDS = 15.0
"""Seconds between two looks for matches that an earlier process, or a failure, has left."""

TURN_SECONDS = {Lane.URGENT: 10.0, Lane.BULK: inf}
"""Seconds after which a source with a backlog gives way to the others of its lane."""

FAULT_PAUSE = timedelta(minutes=1)
"""The pause after an org's fault; `LoginThrottle` decides on refused logins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PassSummary:
    """The results of one pass over all sources and channels."""

    poll_results: tuple[PollResult, ...]
    delivery_count: int
    problems: tuple[str, ...]


def run_once(collector: Collector) -> PassSummary:
    """Poll every source until it is drained, urgent ones first, and deliver what is due."""
    collector.rule_reloader.begin()
    poll_results: list[PollResult] = []
    problems = [f"rule file refused: {each}" for each in collector.rule_reloader.problems]
    collector.pipeline.fold_unfolded_matches()
    refused_orgs: set[str] = set()
    for lane in Lane:
        for poller in collector.pollers:
            try:
                for source in _select_lane(poller.sources, lane):
                    if poller.org not in refused_orgs:
                        poll_results.extend(poller.poll_source(source))
            except LoginRefusedError as error:
                refused_orgs.add(poller.org)
                problems.append(f"{poller.org}: {error}")
    problems.extend(
        f"{result.stream}: {result.reason}"
        for result in poll_results
        if result.state == PollState.FAILED
    )
    problems.extend(_list_clock_problems(collector))
    collector.health_monitor.check_health(clock.now())
    delivery_count = collector.deliverer.drain_channels()
    problems.extend(collector.deliverer.list_undelivered())
    return PassSummary(
        poll_results=tuple(poll_results), delivery_count=delivery_count, problems=tuple(problems)
    )


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
    health_monitor = collector.health_monitor
    jobs["watch"] = _PeriodicJob(
        HEALTH_CHECK_SECONDS, "watch_failed", lambda: health_monitor.check_health(clock.now())
    )
    jobs["fold"] = _PeriodicJob(
        FOLD_SECONDS, "fold_failed", collector.pipeline.fold_unfolded_matches
    )
    jobs["reload"] = _PeriodicJob(
        RELOAD_SECONDS, "reload_failed", collector.rule_reloader.reload_rules
    )
    scheduler = BackgroundScheduler(
        timezone=ZoneInfo("UTC"),
        executors={"default": ThreadPoolExecutor(max(1, len(jobs)))},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )
    for name, job in jobs.items():
        scheduler.add_job(job, "interval", seconds=TICK_SECONDS, id=name, next_run_time=clock.now())
    return scheduler


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
            for source in _select_lane(self.poller.list_due_sources(clock.now()), self.lane):
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


def _select_lane(sources: Iterable[Source], lane: Lane) -> list[Source]:
    return [source for source in sources if source.spec.lane is lane]


def _list_clock_problems(collector: Collector) -> list[str]:
    """The orgs whose clock is so far from ours that what is new was not looked for."""
    skews = {poller.org: poller.context.client.clock_skew for poller in collector.pollers}
    return [
        f"{org}: {describe_clock_skew(skew)}"
        for org, skew in skews.items()
        if skew is not None and abs(skew) > BLINDING_SKEW
    ]
