"""Puts the parts together that a configuration asks for; the one place that knows them all."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType

from collector import clock, engine
from collector.api.state_view import open_state_database
from collector.channels.registry import build_channel
from collector.collection.poller import Poller
from collector.delivery.fallback import FallbackPlan
from collector.delivery.policy import build_policy
from collector.delivery.worker import DeliveryWorker
from collector.health.monitor import HealthMonitor
from collector.ingest.archive_claim import claim_archive
from collector.ingest.pipeline import Pipeline
from collector.ingest.state_paths import StatePaths
from collector.logs import log
from collector.model import Channel, Route
from collector.rules.hot_reload import RuleReloader, stamp_files
from collector.rules.rule_files import list_rule_paths, load_rules, load_sound_rules
from collector.salesforce.client import SalesforceClient
from collector.salesforce.login_throttle import choose_unattended_limits
from collector.salesforce.token_store import DiskTokenStore
from collector.settings import EngineSettings, OrgSettings, Settings, SourceSettings
from collector.sources import SOURCES, SourceSpec, build_sources
from collector.store import ledger, outbox
from collector.store.database import Database
from collector.store.delivery_journal import DeliveryJournal
from collector.store.state_lock import hold_state_lock


@dataclass(frozen=True, slots=True, kw_only=True)
class Collector:
    """Everything that works on one state directory. `stop_event`, once set, ends all of it soon."""

    settings: Settings
    database: Database
    pipeline: Pipeline
    pollers: tuple[Poller, ...]
    deliverer: DeliveryWorker
    health_monitor: HealthMonitor
    rule_reloader: RuleReloader
    stop_event: threading.Event = field(default_factory=threading.Event)


@contextmanager
def open_collector(
    settings: Settings,
    *,
    source_specs: Sequence[SourceSpec[SourceSettings]] = SOURCES,
    extra_channels: Mapping[str, Channel] = MappingProxyType({}),
    stop_event: threading.Event | None = None,
) -> Iterator[Collector]:
    """The parts of a configuration, working on its state directory alone.

    `source_specs` are the sources that there are; `extra_channels` get alerts besides
    the configured ones.

    Raises:
        RulesError: there are no rules to go on with without the files that are wrong.
        StateBusyError: another process works on the directory.
        CollectorError: the state cannot be opened.
    """
    stop_event = stop_event or threading.Event()
    rule_paths = list_rule_paths(settings.rules)
    file_stamps = stamp_files(rule_paths)
    loaded = load_sound_rules(settings.rules)
    rules = loaded.rules
    paths = StatePaths(state_dir=settings.state_dir)
    channels = {**build_channels(settings), **extra_channels}
    routes = build_routes(settings)
    with ExitStack() as stack:
        database = stack.enter_context(open_locked_state(settings, paths))
        database.call_on_loss(stop_event.set)
        database.end_with(stop_event)
        connection = engine.open_engine(
            paths.spool, resources=choose_engine_resources(settings.engine)
        )
        stack.callback(connection.close)
        pipeline = Pipeline(
            database=database,
            connection=connection,
            paths=paths,
            rules=rules,
            routes=routes,
            channels=tuple(channels),
            stop_event=stop_event,
        )
        pollers = [
            _build_poller(
                org,
                paths,
                source_specs,
                database=database,
                pipeline=pipeline,
                stop_event=stop_event,
                disk_reserve_bytes=settings.disk_reserve,
            )
            for org in settings.orgs
        ]
        for poller in pollers:
            stack.callback(poller.context.client.close)
        deliverer = _build_deliverer(
            settings, paths, channels, routes, database=database, stop_event=stop_event
        )
        deliverer.notice_changed_settings()
        deliverer.redirect_removed_channels()
        yield Collector(
            settings=settings,
            database=database,
            pipeline=pipeline,
            pollers=tuple(pollers),
            deliverer=deliverer,
            health_monitor=_build_health_monitor(
                pollers,
                paths,
                database=database,
                pipeline=pipeline,
                disk_reserve_bytes=settings.disk_reserve,
            ),
            rule_reloader=RuleReloader(
                load_rules=lambda: load_rules(settings.rules),
                paths=rule_paths,
                file_stamps=file_stamps,
                rules=rules,
                pipeline=pipeline,
                database=database,
                problems=loaded.problems,
            ),
            stop_event=stop_event,
        )


@contextmanager
def open_locked_state(settings: Settings, paths: StatePaths) -> Iterator[Database]:
    """The state of a configuration, locked, clean of what an earlier death has left."""
    paths.create_folders()
    with hold_state_lock(paths.state_dir):
        database = open_state_database(settings)
        try:
            with database.hold_exclusively():
                _remove_leftovers(database, paths)
                # The locks say that nobody else is alive: what was being sent is in doubt now,
                # and its next attempt says so.
                with database.begin() as connection:
                    outbox.release_leases(connection)
                yield database
        finally:
            database.close()


def build_channels(settings: Settings) -> dict[str, Channel]:
    """The channels by their names."""
    return {name: build_channel(name, channel) for name, channel in settings.channels.items()}


def choose_engine_resources(settings: EngineSettings) -> engine.EngineResources:
    """What the engine may take: as the settings say, else what fits this machine."""
    fitting = engine.choose_resources()
    return engine.EngineResources(
        threads=settings.threads or fitting.threads,
        memory_bytes=settings.memory or fitting.memory_bytes,
    )


def _remove_leftovers(database: Database, paths: StatePaths) -> None:
    claim_archive(database, paths.archive)
    shutil.rmtree(paths.spool, ignore_errors=True)
    paths.create_folders()
    with database.read() as connection:
        committed = ledger.list_archive_files(connection)
    target_root = paths.strays / f"{clock.now():%Y%m%dT%H%M%S.%fZ}"
    strays = paths.archive.move_stray_files(committed, target_root=target_root)
    if strays:
        log.warning("strays_set_aside", files=strays, folder=str(target_root))


def build_routes(settings: Settings) -> Sequence[Route]:
    """The routes, in their order."""
    return [
        Route(
            channels=route.channels,
            min_severity=route.min_severity,
            rules=route.rules,
            orgs=route.orgs,
            continue_matching=route.proceed,
        )
        for route in settings.routes
    ]


def _build_poller(
    org: OrgSettings,
    paths: StatePaths,
    source_specs: Sequence[SourceSpec[SourceSettings]],
    *,
    database: Database,
    pipeline: Pipeline,
    stop_event: threading.Event,
    disk_reserve_bytes: int,
) -> Poller:
    spool = paths.spool / org.name
    spool.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Poller(
        org=org.name,
        client=SalesforceClient(
            org,
            stop_event=stop_event,
            token_store=DiskTokenStore(paths.tokens, stop_event=stop_event),
            login_limits=choose_unattended_limits(org.auth),
        ),
        sources=build_sources(org.sources, source_specs),
        database=database,
        pipeline=pipeline,
        spool=spool,
        stop_event=stop_event,
        api_budget_percent=org.api_budget_percent,
        disk_reserve_bytes=disk_reserve_bytes,
    )


def _build_deliverer(
    settings: Settings,
    paths: StatePaths,
    channels: Mapping[str, Channel],
    routes: Sequence[Route],
    *,
    database: Database,
    stop_event: threading.Event,
) -> DeliveryWorker:
    return DeliveryWorker(
        database=database,
        channels=channels,
        login_urls={org.name: org.login_url for org in settings.orgs},
        journal=DeliveryJournal(paths.delivery_journal),
        stop_event=stop_event,
        fallback_plan=FallbackPlan(
            routes=routes,
            channels=tuple(channels),
            policies={name: build_policy(each) for name, each in settings.channels.items()},
        ),
    )


def _build_health_monitor(
    pollers: Sequence[Poller],
    paths: StatePaths,
    *,
    database: Database,
    pipeline: Pipeline,
    disk_reserve_bytes: int,
) -> HealthMonitor:
    return HealthMonitor(
        database=database,
        pipeline=pipeline,
        spool=paths.spool,
        disk_reserve_bytes=disk_reserve_bytes,
        read_schedule=lambda: {
            (poller.org, source.kind): poller.api_budget.compute_interval(source)
            for poller in pollers
            for source in poller.sources
        },
    )
