"""Runs the tests inside rule files through the real path: normalizer, archive, engine, episodes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from collector import clock
from collector.model import Alert, Batch, Event, Rule, RuleTest
from collector.pipeline import Pipeline
from collector.scan import batch_of, records_columns, type_of
from collector.segments import write_records
from collector.store import alerts
from collector.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How one test of one rule went; `complaint` is empty when the rule did what it says."""

    rule: Rule
    test: RuleTest
    complaint: str


def check(
    rules: Sequence[Rule], *, pipeline: Pipeline, database: Database, spool: Path
) -> Iterator[Verdict]:
    """Run every test of the rules, each in an org of its own so that none sees another's events."""
    for rule in rules:
        for number, test in enumerate(rule.tests):
            org = f"{rule.name}-{number}"
            unread = [
                reason
                for batch in _batches(rule, test, org, spool)
                for reason in pipeline.ingest(batch).quarantined
            ]
            with database.read() as connection:
                raised = alerts.listing(connection, rule=rule.name, org=org)
            complaint = f"its events cannot be read: {unread}" if unread else ""
            yield Verdict(rule=rule, test=test, complaint=complaint or _complaint(test, raised))


def _batches(rule: Rule, test: RuleTest, org: str, spool: Path) -> Iterator[Batch]:
    by_type: dict[str, list[Event]] = {}
    for event in test.events:
        by_type.setdefault(_event_type(rule, test, event), []).append(event)
    for event_type, events in by_type.items():
        identity = hashlib.sha256(json.dumps(events, default=str).encode()).hexdigest()
        segments = write_records(spool, f"{org}-{event_type}", records_columns(events), events)
        yield batch_of(event_type, segments, org=org, identity=identity, received=clock.now())


def _event_type(rule: Rule, test: RuleTest, event: Mapping[str, object]) -> str:
    stated = test.event_type or type_of(event)
    if stated:
        return stated
    return rule.event_types[0] if rule.event_types else "Unknown"


def _complaint(test: RuleTest, raised: Sequence[Alert]) -> str:
    titles = [alert.title for alert in raised]
    if len(raised) != test.alerts:
        return f"expected {test.alerts} alerts, got {len(raised)}: {_listed(titles)}"
    if test.severity is not None and any(alert.severity != test.severity for alert in raised):
        severities = ", ".join(str(alert.severity) for alert in raised)
        return f"expected {test.severity}, got {severities}"
    if test.title is not None and any(title != test.title for title in titles):
        return f"expected the title {test.title!r}, got {_listed(titles)}"
    keys = [alert.key for alert in raised]
    if test.dedup is not None and any(key != test.dedup for key in keys):
        return f"expected the dedup key {list(test.dedup)}, got {', '.join(map(str, keys))}"
    return ""


def _listed(titles: Sequence[str]) -> str:
    return ", ".join(map(repr, titles)) or "none"
