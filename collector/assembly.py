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

from collector import channels as channel_kinds
from collector import clock, engine, normalize, sources
from collector.archive.strays import set_strays_aside
from collector.deliver import Deliverer
from collector.detect import RuleSet, Schema, lists, load
from collector.model import Channel, Route
from collector.observe import log
from collector.pipeline import Pipeline, Places
from collector.pipeline.claim import claim_archive
from collector.poll import Poller
from collector.reload import Reload, Stamp, stamp
from collector.salesforce.client import Client
from collector.salesforce.gate import unattended
from collector.salesforce.vault import FOLDER, DiskVault
from collector.settings import ListFile, Org, RulesSettings, Settings
from collector.store import ledger, outbox
from collector.store.database import Database, open_database
from collector.store.lock import locked
from collector.watch import Watch

SCHEMA = Schema(
    canonical=normalize.CANONICAL,
    physical=normalize.physical,
    fields=normalize.fields,
    event_types=normalize.event_types,
)
"""The event table, as rules see it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collector:
    """Everything that works on one state directory. `stop`, once set, ends all of it soon."""

    settings: Settings
    database: Database
    pipeline: Pipeline
    pollers: tuple[Poller, ...]
    deliverer: Deliverer
    watch: Watch
    reload: Reload
    stop: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workbench:
    """A path without orgs and channels, for files and for the tests of rules."""

    places: Places
    database: Database
    pipeline: Pipeline


@contextmanager
def assembled(
    settings: Settings,
    *,
    more_channels: Mapping[str, Channel] = MappingProxyType({}),
    stop: threading.Event | None = None,
) -> Iterator[Collector]:
    """The parts of a configuration, working on its state directory alone.

    `more_channels` are told besides the configured ones.

    Raises:
        RulesError: a rule file is wrong.
        StateBusy: another process works on the directory.
        CollectorError: the state cannot be opened.
    """
    stop = stop or threading.Event()
    seen = stamp(rule_paths(settings.rules))
    rules = load_rules(settings.rules)
    places = Places(state_dir=settings.state_dir)
    channels = {**build_channels(settings), **more_channels}
    with ExitStack() as stack:
        database = stack.enter_context(opened(settings, places))
        connection = engine.connect(places.spool)
        stack.callback(connection.close)
        pipeline = Pipeline(
            database=database,
            connection=connection,
            places=places,
            rules=rules,
            routes=_routes(settings),
            channels=tuple(channels),
        )
        pollers = [
            _poller(org, places, database=database, pipeline=pipeline, stop=stop)
            for org in settings.orgs
        ]
        for poller in pollers:
            stack.callback(poller.context.client.close)
        yield Collector(
            settings=settings,
            database=database,
            pipeline=pipeline,
            pollers=tuple(pollers),
            deliverer=_deliverer(settings, channels, database=database, stop=stop),
            watch=_watch(pollers, places, database=database, pipeline=pipeline),
            reload=_reload(settings, rules, seen, database=database, pipeline=pipeline),
            stop=stop,
        )


@contextmanager
def workbench(rules: RuleSet) -> Iterator[Workbench]:
    """The same path in a directory that is gone afterwards, without orgs and channels."""
    with TemporaryDirectory(prefix="collector-") as directory, ExitStack() as stack:
        places = Places(state_dir=Path(directory))
        places.make()
        database = open_database(places.state_dir)
        stack.callback(database.close)
        connection = engine.connect(places.spool)
        stack.callback(connection.close)
        pipeline = Pipeline(database=database, connection=connection, places=places, rules=rules)
        yield Workbench(places=places, database=database, pipeline=pipeline)


@contextmanager
def opened(settings: Settings, places: Places) -> Iterator[Database]:
    """The state of a configuration, locked, clean of what an earlier death has left."""
    places.make()
    with locked(places.state_dir):
        database = database_of(settings)
        try:
            _tidy(database, places)
            if settings.database_url is None:
                # The lock says that nobody else is alive: what was being sent is in doubt now,
                # and its next attempt says so.
                with database.begin() as connection:
                    outbox.release(connection)
            yield database
        finally:
            database.close()


def database_of(settings: Settings) -> Database:
    """The state database of a configuration. Reading it needs no lock."""
    url = settings.database_url.reveal() if settings.database_url else None
    return open_database(settings.state_dir, url)


def load_rules(settings: RulesSettings) -> RuleSet:
    """The shipped rules and the user's, with the lists of both and of the configuration.

    Raises RulesError with every problem of every list, or else of every rule.
    """
    paths = [shipped("rules"), *settings.paths]
    further = {
        name: source.file if isinstance(source, ListFile) else source
        for name, source in settings.lists.items()
    }
    known = lists.load(paths, further)
    return load(paths, schema=SCHEMA, disable=settings.disable, lists=known)


def rule_paths(settings: RulesSettings) -> list[Path]:
    """The files and folders that rules and value lists are read from."""
    files = [source.file for source in settings.lists.values() if isinstance(source, ListFile)]
    return [shipped("rules"), *settings.paths, *files]


def build_channels(settings: Settings) -> dict[str, Channel]:
    """The channels by their names."""
    return {name: channel_kinds.build(name, chosen) for name, chosen in settings.channels.items()}


def shipped(name: str) -> Path:
    """A folder that comes with the program: `rules` or `config`."""
    package = Path(str(files("collector")))
    installed = package / "_shipped" / name
    return installed if installed.exists() else package.parent / name


def _tidy(database: Database, places: Places) -> None:
    claim_archive(database, places.archive)
    shutil.rmtree(places.spool, ignore_errors=True)
    places.make()
    with database.read() as connection:
        committed = ledger.archive_files(connection)
    aside = places.strays / f"{clock.now():%Y%m%dT%H%M%S.%fZ}"
    strays = set_strays_aside(places.archive, committed, aside=aside)
    if strays:
        log.warning("strays_set_aside", files=strays, folder=str(aside))


def _routes(settings: Settings) -> Sequence[Route]:
    return [
        Route(
            channels=route.channels,
            min_severity=route.min_severity,
            rules=route.rules,
            orgs=route.orgs,
            proceed=route.proceed,
        )
        for route in settings.routes
    ]


def _poller(
    org: Org, places: Places, *, database: Database, pipeline: Pipeline, stop: threading.Event
) -> Poller:
    spool = places.spool / org.name
    spool.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Poller(
        org=org.name,
        client=Client(
            org, stop=stop, vault=DiskVault(places.state_dir / FOLDER), pace=unattended(org.auth)
        ),
        sources=list(sources.build(org.sources)),
        database=database,
        pipeline=pipeline,
        spool=spool,
        stop=stop,
        api_budget_percent=org.api_budget_percent,
    )


def _deliverer(
    settings: Settings,
    channels: Mapping[str, Channel],
    *,
    database: Database,
    stop: threading.Event,
) -> Deliverer:
    return Deliverer(
        database=database,
        channels=channels,
        login_urls={org.name: org.login_url for org in settings.orgs},
        stop=stop,
    )


def _reload(
    settings: Settings, rules: RuleSet, seen: Stamp, *, database: Database, pipeline: Pipeline
) -> Reload:
    return Reload(
        load=lambda: load_rules(settings.rules),
        paths=rule_paths(settings.rules),
        seen=seen,
        rules=rules,
        pipeline=pipeline,
        database=database,
    )


def _watch(
    pollers: Sequence[Poller], places: Places, *, database: Database, pipeline: Pipeline
) -> Watch:
    return Watch(
        database=database,
        pipeline=pipeline,
        spool=places.spool,
        expected=lambda: {
            (poller.org, source.kind): poller.pacing.interval(source)
            for poller in pollers
            for source in poller.sources
        },
    )
