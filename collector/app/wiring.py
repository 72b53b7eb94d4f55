"""Puts the parts together that a configuration asks for; the one place that knows them all."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

from collector import clock, engine, normalize
from collector.channels.registry import build_channel
from collector.collection.poller import Poller
from collector.delivery.worker import DeliveryWorker
from collector.detect import EventSchema, RuleSet, lists, load_rule_set
from collector.health.monitor import HealthMonitor
from collector.ingest.archive_claim import claim_archive
from collector.ingest.pipeline import Pipeline
from collector.ingest.state_paths import StatePaths
from collector.logs import log
from collector.model import Channel, Route
from collector.model.event_columns import CANONICAL_COLUMNS
from collector.rules.hot_reload import FileStamps, RuleReloader, stamp_files
from collector.salesforce.client import SalesforceClient
from collector.salesforce.login_throttle import choose_unattended_limits
from collector.salesforce.token_store import TOKEN_FOLDER, DiskTokenStore
from collector.settings import (
    ListFileSettings,
    OrgSettings,
    RulesSettings,
    Settings,
    SourceSettings,
)
from collector.sources import SOURCES, SourceSpec, build_sources
from collector.store import ledger, outbox
from collector.store.database import Database, open_database
from collector.store.state_lock import hold_state_lock

EVENT_SCHEMA = EventSchema(
    column_types=CANONICAL_COLUMNS,
    resolve_column=normalize.find_physical_column,
    list_fields=normalize.list_fields,
    list_event_types=normalize.list_event_types,
)
"""The event table, as rules see it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collector:
    """Everything that works on one state directory. `stop`, once set, ends all of it soon."""

    settings: Settings
    database: Database
    pipeline: Pipeline
    pollers: tuple[Poller, ...]
    deliverer: DeliveryWorker
    health_monitor: HealthMonitor
    rule_reloader: RuleReloader
    stop_event: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, slots=True, kw_only=True)
class TemporaryPipeline:
    """A path without orgs and channels, for files and for the tests of rules."""

    paths: StatePaths
    database: Database
    pipeline: Pipeline


@contextmanager
def open_collector(
    settings: Settings,
    *,
    source_specs: Sequence[SourceSpec[SourceSettings]] = SOURCES,
    extra_channels: Mapping[str, Channel] = MappingProxyType({}),
    stop_event: threading.Event | None = None,
) -> Iterator[Collector]:
    """The parts of a configuration, working on its state directory alone.

    `source_specs` are the sources that there are; `extra_channels` are told besides the
    configured ones.

    Raises:
        RulesError: a rule file is wrong.
        StateBusy: another process works on the directory.
        CollectorError: the state cannot be opened.
    """
    stop_event = stop_event or threading.Event()
    seen = stamp_files(list_rule_paths(settings.rules))
    rules = load_rules(settings.rules)
    places = StatePaths(state_dir=settings.state_dir)
    channels = {**build_channels(settings), **extra_channels}
    with ExitStack() as stack:
        database = stack.enter_context(open_locked_state(settings, places))
        connection = engine.open_engine(places.spool)
        stack.callback(connection.close)
        pipeline = Pipeline(
            database=database,
            connection=connection,
            paths=places,
            rules=rules,
            routes=_build_routes(settings),
            channels=tuple(channels),
        )
        pollers = [
            _build_poller(
                org, places, source_specs, database=database, pipeline=pipeline, stop=stop_event
            )
            for org in settings.orgs
        ]
        for poller in pollers:
            stack.callback(poller.context.client.close)
        yield Collector(
            settings=settings,
            database=database,
            pipeline=pipeline,
            pollers=tuple(pollers),
            deliverer=_build_deliverer(settings, channels, database=database, stop=stop_event),
            health_monitor=_build_health_monitor(
                pollers, places, database=database, pipeline=pipeline
            ),
            rule_reloader=_build_rule_reloader(
                settings, rules, seen, database=database, pipeline=pipeline
            ),
            stop_event=stop_event,
        )


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


@contextmanager
def open_locked_state(settings: Settings, paths: StatePaths) -> Iterator[Database]:
    """The state of a configuration, locked, clean of what an earlier death has left."""
    paths.create_folders()
    with hold_state_lock(paths.state_dir):
        database = open_state_database(settings)
        try:
            _remove_leftovers(database, paths)
            if settings.database_url is None:
                # The lock says that nobody else is alive: what was being sent is in doubt now,
                # and its next attempt says so.
                with database.begin() as connection:
                    outbox.release_leases(connection)
            yield database
        finally:
            database.close()


def open_state_database(settings: Settings) -> Database:
    """The state database of a configuration. Reading it needs no lock."""
    url = settings.database_url.reveal() if settings.database_url else None
    return open_database(settings.state_dir, url)


def load_rules(settings: RulesSettings) -> RuleSet:
    """The shipped rules and the user's, with the lists of both and of the configuration.

    Raises RulesError with every problem of every list, or else of every rule.
    """
    paths = [find_shipped_folder("rules"), *settings.paths]
    further = {
        name: source.file if isinstance(source, ListFileSettings) else source
        for name, source in settings.lists.items()
    }
    known = lists.load_lists(paths, further)
    return load_rule_set(paths, schema=EVENT_SCHEMA, disable=settings.disable, lists=known)


def list_rule_paths(settings: RulesSettings) -> list[Path]:
    """The files and folders that rules and value lists are read from."""
    files = [
        source.file for source in settings.lists.values() if isinstance(source, ListFileSettings)
    ]
    return [find_shipped_folder("rules"), *settings.paths, *files]


def build_channels(settings: Settings) -> dict[str, Channel]:
    """The channels by their names."""
    return {name: build_channel(name, chosen) for name, chosen in settings.channels.items()}


def find_shipped_folder(name: str) -> Path:
    """A folder that comes with the program: `rules` or `config`."""
    package = Path(str(files("collector")))
    installed = package / "_shipped" / name
    return installed if installed.exists() else package.parent / name


def _remove_leftovers(database: Database, places: StatePaths) -> None:
    claim_archive(database, places.archive, state_dir=places.state_dir)
    shutil.rmtree(places.spool, ignore_errors=True)
    places.create_folders()
    with database.read() as connection:
        committed = ledger.list_archive_files(connection)
    aside = places.strays / f"{clock.now():%Y%m%dT%H%M%S.%fZ}"
    strays = places.archive.move_stray_files(committed, target_root=aside)
    if strays:
        log.warning("strays_set_aside", files=strays, folder=str(aside))


def _build_routes(settings: Settings) -> Sequence[Route]:
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
    places: StatePaths,
    source_specs: Sequence[SourceSpec[SourceSettings]],
    *,
    database: Database,
    pipeline: Pipeline,
    stop: threading.Event,
) -> Poller:
    spool = places.spool / org.name
    spool.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Poller(
        org=org.name,
        client=SalesforceClient(
            org,
            stop_event=stop,
            token_store=DiskTokenStore(places.state_dir / TOKEN_FOLDER),
            login_limits=choose_unattended_limits(org.auth),
        ),
        sources=build_sources(org.sources, source_specs),
        database=database,
        pipeline=pipeline,
        spool=spool,
        stop_event=stop,
        api_budget_percent=org.api_budget_percent,
    )


def _build_deliverer(
    settings: Settings,
    channels: Mapping[str, Channel],
    *,
    database: Database,
    stop: threading.Event,
) -> DeliveryWorker:
    return DeliveryWorker(
        database=database,
        channels=channels,
        login_urls={org.name: org.login_url for org in settings.orgs},
        stop_event=stop,
    )


def _build_rule_reloader(
    settings: Settings,
    rules: RuleSet,
    file_stamp: FileStamps,
    *,
    database: Database,
    pipeline: Pipeline,
) -> RuleReloader:
    return RuleReloader(
        load_rules=lambda: load_rules(settings.rules),
        paths=list_rule_paths(settings.rules),
        file_stamps=file_stamp,
        rules=rules,
        pipeline=pipeline,
        database=database,
    )


def _build_health_monitor(
    pollers: Sequence[Poller], places: StatePaths, *, database: Database, pipeline: Pipeline
) -> HealthMonitor:
    return HealthMonitor(
        database=database,
        pipeline=pipeline,
        spool=places.spool,
        read_schedule=lambda: {
            (poller.org, source.kind): poller.api_budget.compute_interval(source)
            for poller in pollers
            for source in poller.sources
        },
    )
