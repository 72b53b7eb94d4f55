"""Runs the tests inside rule files through the real pipeline."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from collector import clock
from collector.collection.local_files import build_batch, list_columns, read_event_type
from collector.csv_segments import write_records
from collector.ingest.pipeline import Pipeline
from collector.model import Alert, Batch, Event, Rule, RuleTest
from collector.stable_ids import FULL_DIGITS, hash_text
from collector.store import alerts
from collector.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTestResult:
    """How one test of one rule went; `failure` is empty when the rule did what it says."""

    rule: Rule
    test: RuleTest
    failure: str


def run_rule_tests(
    rules: Sequence[Rule], *, pipeline: Pipeline, database: Database, spool: Path
) -> Iterator[RuleTestResult]:
    """Run every test of the rules, each in an org of its own so that none sees another's events."""
    for rule in rules:
        for number, test in enumerate(rule.tests):
            org = f"{rule.name}-{number}"
            quarantine_reasons = [
                reason
                for batch in _build_batches(rule, test, org, spool)
                for reason in pipeline.ingest(batch).quarantine_reasons
            ]
            with database.read() as connection:
                raised = alerts.list_alerts(connection, rule=rule.name, org=org)
            read_failure = (
                f"its events cannot be read: {quarantine_reasons}" if quarantine_reasons else ""
            )
            yield RuleTestResult(
                rule=rule, test=test, failure=read_failure or _find_failure(test, raised)
            )


def _build_batches(rule: Rule, test: RuleTest, org: str, spool: Path) -> Iterator[Batch]:
    by_type: dict[str, list[Event]] = {}
    for event in test.events:
        by_type.setdefault(_choose_event_type(rule, test, event), []).append(event)
    for event_type, events in by_type.items():
        identity = hash_text(json.dumps(events, default=str), digits=FULL_DIGITS)
        segments = write_records(spool, f"{org}-{event_type}", list_columns(events), events)
        yield build_batch(event_type, segments, org=org, identity=identity, received=clock.now())


def _choose_event_type(rule: Rule, test: RuleTest, event: Mapping[str, object]) -> str:
    stated = test.event_type or read_event_type(event)
    if stated:
        return stated
    return rule.event_types[0] if rule.event_types else "Unknown"


def _find_failure(test: RuleTest, raised: Sequence[Alert]) -> str:
    titles = [alert.title for alert in raised]
    if len(raised) != test.alert_count:
        return f"expected {test.alert_count} alerts, got {len(raised)}: {_join_titles(titles)}"
    if test.severity is not None and any(alert.severity != test.severity for alert in raised):
        severities = ", ".join(str(alert.severity) for alert in raised)
        return f"expected {test.severity}, got {severities}"
    if test.title is not None and any(title != test.title for title in titles):
        return f"expected the title {test.title!r}, got {_join_titles(titles)}"
    keys = [alert.key for alert in raised]
    if test.dedup_key is not None and any(key != test.dedup_key for key in keys):
        return f"expected the dedup key {list(test.dedup_key)}, got {', '.join(map(str, keys))}"
    return ""


def _join_titles(titles: Sequence[str]) -> str:
    return ", ".join(map(repr, titles)) or "none"
