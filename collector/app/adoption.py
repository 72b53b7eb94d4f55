"""Adopts an archive whose state was lost: its ledger, its alerts, and what was told of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from collector import clock, engine
from collector.api.archive_adoption import AdoptionReport
from collector.api.state_view import open_state_database
from collector.app.configured_parts import build_channels, build_routes, choose_engine_shares
from collector.detect import RuleSet
from collector.ingest.adoption import adopt_files, finish_adoption, is_adopted
from collector.ingest.found_alerts import settle_found_alerts
from collector.ingest.notifications import Audience
from collector.ingest.pipeline import Pipeline
from collector.ingest.state_paths import StatePaths
from collector.rules.configured_schema import build_event_schema
from collector.rules.rule_files import load_rules
from collector.settings import Settings
from collector.store.delivery_journal import DeliveryJournal
from collector.store.state_lock import hold_state_lock


def adopt_archive(settings: Settings, report_progress: Callable[[float], object]) -> AdoptionReport:
    """Build the ledger from the files of the archive, and find the alerts in them again.

    `report_progress` is given the share of the work, 0 to 1, that was done since the last call.

    Raises:
        RulesError: a rule file is wrong.
        StateBusyError: another process works on the directory.
        CollectorError: the state cannot be opened, or is that of another archive.
    """
    rules = load_rules(settings.rules, schema=build_event_schema(settings))
    paths = StatePaths(state_dir=settings.state_dir)
    paths.create_folders()
    with ExitStack() as stack:
        stack.enter_context(hold_state_lock(paths.state_dir))
        database = open_state_database(settings)
        stack.callback(database.close)
        stack.enter_context(database.hold_exclusively())
        journal = DeliveryJournal(paths.delivery_journal)
        journal.check_readable()
        shares = choose_engine_shares(settings.engine)
        connection = engine.open_engine(paths.spool, resources=shares.main)
        stack.callback(connection.close)
        # One that was interrupted has alerts of which nothing is settled yet.
        since = clock.now() if is_adopted(database) else clock.EPOCH
        files = adopt_files(database, connection, paths, lambda share: report_progress(share / 2))
        # Without channels nothing is enqueued: what is told is decided below.
        pipeline = Pipeline(
            database=database,
            connection=connection,
            paths=paths,
            rules=rules,
            engine_shares=shares,
        )
        failed: set[str] = set()
        names = _order_rules(rules)
        for name in names:
            failed |= pipeline.rematch_rules([name]).failed_rules
            report_progress(1 / len(names) / 2)
        alerts = settle_found_alerts(
            database,
            journal.read_told_alerts(),
            rules=rules.by_name,
            audience=Audience(
                routes=build_routes(settings), channels=tuple(build_channels(settings))
            ),
            since=since,
            now=clock.now(),
        )
        finish_adoption(database, paths)
        pipeline.set_absent_files_aside(clock.now())
    return AdoptionReport(files=files, alerts=alerts, failed_rules=tuple(sorted(failed)))


def _order_rules(rules: RuleSet) -> list[str]:
    """Rules about single events first: correlations build on what they have matched."""
    ordered = sorted(rules.rules, key=lambda rule: rule.aggregation is not None)
    return [rule.name for rule in ordered]
