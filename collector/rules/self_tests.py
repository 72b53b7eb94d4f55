"""Runs the tests inside rule files through the real pipeline."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from collector import clock
from collector.collection.local_files import build_batch, list_columns
from collector.csv_segments import write_records
from collector.detect import RuleSet, lists
from collector.ingest.temporary_pipeline import TemporaryPipeline
from collector.model import Alert, AlertExpectation, AlertStatus, Batch, Event, Rule, RuleTest
from collector.rules.rule_test_records import build_records
from collector.stable_ids import FULL_DIGITS, hash_text
from collector.store import alerts, directory_samples


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTestResult:
    """How one test of one rule went.

    Attributes:
        rules: those that were at work.
        org: the org in which it was run.
        alerts: what the rule raised.
        failure: empty when the rule did what the test says.
        reasons: what is known of why it did not.
    """

    rule: Rule
    test: RuleTest
    rules: RuleSet
    org: str
    alerts: tuple[Alert, ...]
    failure: str
    reasons: tuple[str, ...] = ()


def run_rule_tests(rule_set: RuleSet, bench: TemporaryPipeline) -> Iterator[RuleTestResult]:
    """Run every test of the rules, each in an org of its own so that none sees another's events.

    While a test is run, and until the next one is asked for, the pipeline has that rule at work
    alone, with those that it is bound to.
    """
    for rule in rule_set.own_rules:
        names = rule_set.list_related_names(rule.name) if rule.tests else frozenset()
        related_rules = rule_set.select_names(names)
        for number, test in enumerate(rule.tests):
            rules = _replace_lists(rule_set, names, test) or related_rules
            bench.pipeline.set_rules(rules)
            yield _run_test(rules, rule, test, f"{rule.name}-{number}", bench)


def _replace_lists(rule_set: RuleSet, names: frozenset[str], test: RuleTest) -> RuleSet | None:
    """These rules, compiled with the lists that a test has of its own; None if it has none."""
    if not test.lists:
        return None
    return rule_set.compile_again(names, lists.replace_entries(rule_set.lists, test.lists))


def _run_test(
    rules: RuleSet, rule: Rule, test: RuleTest, org: str, bench: TemporaryPipeline
) -> RuleTestResult:
    if test.directory:
        with bench.database.begin() as connection:
            directory_samples.save_samples(connection, org, test.directory, start=test.start)
        bench.pipeline.settle_directory()
    quarantine_reasons = [
        reason
        for batch in _build_batches(rule, test, org, bench.paths.spool)
        for reason in bench.pipeline.ingest(batch).quarantine_reasons
    ]
    bench.pipeline.absences.settle_whole_past(org)
    with bench.database.read() as connection:
        told = alerts.list_alerts(connection, rule=rule.name, org=org)
    # Records of one fact come source by source: what only the first of them made, went again.
    raised = [alert for alert in told if alert.status != AlertStatus.WITHDRAWN]
    read_failure = f"its events cannot be read: {quarantine_reasons}" if quarantine_reasons else ""
    return RuleTestResult(
        rule=rule,
        test=test,
        rules=rules,
        org=org,
        alerts=tuple(raised),
        failure=read_failure or _find_failure(test, raised),
    )


def _build_batches(rule: Rule, test: RuleTest, org: str, spool: Path) -> Iterator[Batch]:
    by_type: dict[str, list[Event]] = {}
    for record in build_records(rule, test):
        by_type.setdefault(record.event_type, []).append(record.values)
    for event_type, events in by_type.items():
        identity = hash_text(json.dumps(events, default=str), digits=FULL_DIGITS)
        segments = write_records(spool, f"{org}-{event_type}", list_columns(events), events)
        yield build_batch(event_type, segments, org=org, identity=identity, received=clock.now())


# ---- what was expected


def _find_failure(test: RuleTest, raised: Sequence[Alert]) -> str:
    if len(raised) != test.alert_count:
        titles = [alert.title for alert in raised]
        return f"expected {test.alert_count} alerts, got {len(raised)}: {_join_texts(titles)}"
    remaining = list(raised)
    for expected in test.expected_alerts:
        found = next((each for each in remaining if not _find_difference(expected, [each])), None)
        if found is None:
            described = "; ".join(map(_describe_alert, remaining))
            return (
                f"no alert is as expected: {_describe_expectation(expected)}; there is {described}"
            )
        remaining.remove(found)
    return _find_difference(test.expected, raised)


def _find_difference(expected: AlertExpectation, raised: Sequence[Alert]) -> str:
    """In what any of the alerts differs from what is expected of each; empty if none does."""
    if expected.severity is not None and any(each.severity != expected.severity for each in raised):
        severities = ", ".join(str(alert.severity) for alert in raised)
        return f"expected {expected.severity}, got {severities}"
    titles = [alert.title for alert in raised]
    if expected.title is not None and any(title != expected.title for title in titles):
        return f"expected the title {expected.title!r}, got {_join_texts(titles)}"
    keys = [alert.key for alert in raised]
    if expected.dedup_key is not None and any(key != expected.dedup_key for key in keys):
        return f"expected the dedup key {list(expected.dedup_key)}, got {', '.join(map(str, keys))}"
    return ""


def _describe_alert(alert: Alert) -> str:
    return f"{alert.severity} {alert.title!r} of {list(alert.key)}"


def _describe_expectation(expected: AlertExpectation) -> str:
    parts = {
        "severity": expected.severity and str(expected.severity),
        "title": expected.title and repr(expected.title),
        "dedup": expected.dedup_key and str(list(expected.dedup_key)),
    }
    return ", ".join(f"{name} {text}" for name, text in parts.items() if text)


def _join_texts(texts: Sequence[str]) -> str:
    return ", ".join(map(repr, texts)) or "none"
