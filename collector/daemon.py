"""The daemon: APScheduler's clockwork over our own due times, and an orderly end on SIGTERM."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from collector import clock
from collector.assembly import Collector
from collector.errors import LoginRefused, Stopped
from collector.observe import log
from collector.poll import FAILED, Polled, Poller
from collector.store import outbox

TICK = 1.0
"""Seconds between two looks at what is due."""

WATCH_SECONDS = 300.0
"""How often the daemon looks after itself."""

RELOAD_SECONDS = 5.0
"""How often the daemon looks whether the files of rules and lists have changed."""

FAULT_PAUSE = timedelta(minutes=1)
"""After an org's fault. How soon a refused login is repeated is not decided here (`gate`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """What one pass over all sources and channels came to."""

    polled: tuple[Polled, ...]
    delivered: int
    problems: tuple[str, ...]


def run_once(collector: Collector) -> Pass:
    """Poll every source until it is drained, deliver what is due, and say what did not work."""
    collector.reload.begin()
    polled: list[Polled] = []
    problems: list[str] = []
    for poller in collector.pollers:
        try:
            for source in poller.sources:
                polled.extend(poller.poll(source))
        except LoginRefused as error:
            problems.append(f"{poller.org}: {error}")
    problems.extend(f"{poll.stream}: {poll.reason}" for poll in polled if poll.state == FAILED)
    collector.watch.look(clock.now())
    delivered = sum(collector.deliverer.drain(name) for name in collector.deliverer.channels)
    problems.extend(_undelivered(collector))
    return Pass(polled=tuple(polled), delivered=delivered, problems=tuple(problems))


def run(collector: Collector) -> None:
    """Work until SIGTERM or SIGINT. Ends between two steps: nothing is left in doubt."""
    signal.signal(signal.SIGTERM, lambda *_: collector.stop.set())
    signal.signal(signal.SIGINT, lambda *_: collector.stop.set())
    collector.reload.begin()
    scheduler = _scheduler(collector)
    scheduler.start()
    log.info(
        "daemon_started",
        orgs=[poller.org for poller in collector.pollers],
        channels=list(collector.deliverer.channels),
    )
    collector.stop.wait()
    log.info("daemon_stopping")
    scheduler.shutdown(wait=True)
    log.info("daemon_stopped")


def _scheduler(collector: Collector) -> BackgroundScheduler:
    # Its warnings about a tick that found the last one still at work say nothing here.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    ticks: dict[str, Callable[[], None]] = {
        f"poll {poller.org}": _OrgTick(poller, collector.stop) for poller in collector.pollers
    }
    for name in collector.deliverer.channels:
        ticks[f"deliver {name}"] = _ChannelTick(collector, name)
    watch = collector.watch
    ticks["watch"] = _Every(WATCH_SECONDS, "watch_failed", lambda: watch.look(clock.now()))
    ticks["reload"] = _Every(RELOAD_SECONDS, "reload_failed", collector.reload.look)
    scheduler = BackgroundScheduler(
        timezone=ZoneInfo("UTC"),
        executors={"default": ThreadPoolExecutor(max(1, len(ticks)))},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )
    for name, tick in ticks.items():
        scheduler.add_job(tick, "interval", seconds=TICK, id=name, next_run_time=clock.now())
    return scheduler


@dataclass(slots=True)
class _OrgTick:
    """Polls what is due in one org; its troubles pause this org alone."""

    poller: Poller
    stop: threading.Event
    paused_until: datetime = field(default=clock.EPOCH)

    def __call__(self) -> None:
        if clock.now() < self.paused_until:
            return
        try:
            for source in self.poller.due(clock.now()):
                if self.stop.is_set():
                    return
                self.poller.poll(source)
        except Stopped:
            return
        except Exception as error:  # noqa: BLE001 - an org's fault must not end the daemon
            self._pause(error)

    def _pause(self, error: Exception) -> None:
        self.paused_until = clock.now() + FAULT_PAUSE
        log.error("org_paused", org=self.poller.org, seconds=FAULT_PAUSE.seconds, reason=str(error))


@dataclass(frozen=True, slots=True)
class _ChannelTick:
    """Sends what is due on one channel."""

    collector: Collector
    channel: str

    def __call__(self) -> None:
        try:
            self.collector.deliverer.drain(self.channel)
        except Exception as error:  # noqa: BLE001 - a channel's fault must not end the daemon
            log.error("channel_failed", channel=self.channel, reason=str(error))


@dataclass(slots=True)
class _Every:
    """Does something for the collector itself now and then. A fault is logged as `event`."""

    seconds: float
    event: str
    action: Callable[[], object]
    due: float = field(init=False)

    def __post_init__(self) -> None:
        self.due = clock.monotonic() + self.seconds

    def __call__(self) -> None:
        if clock.monotonic() < self.due:
            return
        self.due = clock.monotonic() + self.seconds
        try:
            self.action()
        except Exception as error:  # noqa: BLE001 - this must not end what it looks after
            log.error(self.event, reason=str(error))


def _undelivered(collector: Collector) -> list[str]:
    with collector.database.read() as connection:
        piles = outbox.piles(connection)
    return [
        f"{pile.channel}: {pile.count} messages {pile.state}: {pile.reason or 'not sent yet'}"
        for pile in piles
        if pile.state in (outbox.READY, outbox.LEASED, outbox.REFUSED)
    ]
