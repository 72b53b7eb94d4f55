"""Puts the parts together that a configuration asks for; the one place that knows them all."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType

from collector import engine
from collector.app.configured_parts import build_channels, build_routes, choose_engine_shares
from collector.app.locked_state import open_locked_state
from collector.app.snapshot_symptoms import find_snapshot_symptoms
from collector.backup.snapshots import SnapshotKeeper, build_snapshot_keeper
from collector.collection.poller import Poller
from collector.delivery.fallback import FallbackPlan
from collector.delivery.policy import build_policy
from collector.delivery.worker import DeliveryWorker
from collector.detect import RuleSet
from collector.geoip import PlaceDatabases
from collector.health.monitor import HealthMonitor
from collector.ingest.pipeline import Pipeline
from collector.ingest.state_paths import StatePaths
from collector.model import Channel
from collector.retention.keeping_plan import KeepingPlan
from collector.retention.pruner import Pruner
from collector.rules.configured_schema import build_event_schema
from collector.rules.file_stamps import list_rule_paths, stamp_files
from collector.rules.hot_reload import RuleReloader
from collector.rules.outline import RuleOutlineFile
from collector.rules.rule_files import load_rules, load_sound_rules
from collector.salesforce.client import SalesforceClient
from collector.salesforce.login_throttle import choose_unattended_limits
from collector.salesforce.token_store import DiskTokenStore
from collector.settings import OrgSettings, Settings, SourceSettings
from collector.sources import SOURCES, SourceSpec, build_sources
from collector.store.database import Database
from collector.store.delivery_journal import DeliveryJournal


@dataclass(frozen=True, slots=True, kw_only=True)
class Collector:
    """Everything that works on one state directory. `stop_event`, once set, ends all of it soon.

    A state on a server has no `snapshot_keeper`.
    """

    settings: Settings
    database: Database
    pipeline: Pipeline
    pollers: tuple[Poller, ...]
    deliverer: DeliveryWorker
    health_monitor: HealthMonitor
    rule_reloader: RuleReloader
    pruner: Pruner
    snapshot_keeper: SnapshotKeeper | None = None
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
    # Stamped before they are loaded: what changes in between is loaded again.
    rule_paths = list_rule_paths(settings.rules)
    file_stamps = stamp_files(rule_paths)
    loaded = load_sound_rules(settings.rules, schema=build_event_schema(settings))
    paths = StatePaths(state_dir=settings.state_dir)
    channels = {**build_channels(settings), **extra_channels}
    with ExitStack() as stack:
        database = _open_state(stack, settings, paths, stop_event)
        pipeline = _open_pipeline(
            stack,
            settings,
            paths,
            channels,
            rules=loaded.rules,
            database=database,
            stop_event=stop_event,
        )
        pollers = _open_pollers(
            stack,
            settings,
            paths,
            source_specs,
            database=database,
            pipeline=pipeline,
            stop_event=stop_event,
        )
        deliverer = _build_deliverer(
            settings, paths, channels, database=database, stop_event=stop_event
        )
        deliverer.notice_changed_settings()
        deliverer.redirect_removed_channels()
        rule_reloader = RuleReloader(
            load_rules=lambda: load_rules(settings.rules, schema=build_event_schema(settings)),
            paths=rule_paths,
            file_stamps=file_stamps,
            rules=loaded.rules,
            pipeline=pipeline,
            database=database,
            problems=loaded.problems,
            list_newest_days=paths.archive.list_newest_days,
            outline_file=RuleOutlineFile(path=paths.rules_outline, settings=settings.rules),
        )
        snapshot_keeper = build_snapshot_keeper(settings, stop_event)
        yield Collector(
            settings=settings,
            database=database,
            pipeline=pipeline,
            pollers=pollers,
            deliverer=deliverer,
            health_monitor=_build_health_monitor(
                pollers,
                paths,
                database=database,
                pipeline=pipeline,
                disk_reserve_bytes=settings.disk_reserve,
                snapshot_keeper=snapshot_keeper,
            ),
            rule_reloader=rule_reloader,
            pruner=Pruner(
                database=database,
                paths=paths,
                read_plan=lambda: KeepingPlan(settings=settings.archive, rules=rule_reloader.rules),
                stop_event=stop_event,
            ),
            snapshot_keeper=snapshot_keeper,
            stop_event=stop_event,
        )


def _open_state(
    stack: ExitStack, settings: Settings, paths: StatePaths, stop_event: threading.Event
) -> Database:
    """The state, whose loss ends the collector, and which no end of it waits for."""
    database = stack.enter_context(open_locked_state(settings, paths))
    database.call_on_loss(stop_event.set)
    database.end_with(stop_event)
    return database


def _open_pipeline(
    stack: ExitStack,
    settings: Settings,
    paths: StatePaths,
    channels: Mapping[str, Channel],
    *,
    rules: RuleSet,
    database: Database,
    stop_event: threading.Event,
) -> Pipeline:
    """The pipeline, on an engine that is closed with the stack."""
    engine_shares = choose_engine_shares(settings.engine)
    connection = engine.open_engine(paths.spool, resources=engine_shares.main)
    stack.callback(connection.close)
    return Pipeline(
        database=database,
        connection=connection,
        paths=paths,
        rules=rules,
        routes=build_routes(settings),
        channels=tuple(channels),
        stop_event=stop_event,
        claims=settings.directory.build_claims(),
        databases=PlaceDatabases(settings.geoip.paths),
        engine_shares=engine_shares,
    )


def _open_pollers(
    stack: ExitStack,
    settings: Settings,
    paths: StatePaths,
    source_specs: Sequence[SourceSpec[SourceSettings]],
    *,
    database: Database,
    pipeline: Pipeline,
    stop_event: threading.Event,
) -> tuple[Poller, ...]:
    """A poller for each org; their connections are closed with the stack."""
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
    return tuple(pollers)


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
            routes=build_routes(settings),
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
    snapshot_keeper: SnapshotKeeper | None,
) -> HealthMonitor:
    return HealthMonitor(
        database=database,
        pipeline=pipeline,
        spool=paths.spool,
        disk_reserve_bytes=disk_reserve_bytes,
        find_journal_problem=DeliveryJournal(paths.delivery_journal).find_problem,
        read_schedule=lambda: {
            (poller.org, source.kind): poller.api_budget.compute_interval(source)
            for poller in pollers
            for source in poller.sources
        },
        find_more_symptoms=lambda: find_snapshot_symptoms(snapshot_keeper),
    )
