"""The account of an alert: its events against the rule as it is now, and what has changed since."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml

from collector import engine
from collector.api.alert_evidence import ExplainContext
from collector.api.alert_explanation import explain_alert
from collector.detect import RuleSet, lists
from collector.detect.loader import load_rule_set
from collector.model import Severity
from collector.rules.rule_files import EVENT_SCHEMA
from collector.settings.shipped_files import find_shipped_folder
from collector.store import alerts, ledger
from fakes.model_samples import build_alert
from fakes.pipeline_bench import (
    build_bulk_row,
    build_login_row,
    load_shipped_rules,
    open_pipeline_bench,
)

AGENT = {"BROWSER_TYPE": "Salesforce-CLI/1.0"}


@pytest.fixture
def bench(tmp_path):
    with open_pipeline_bench(tmp_path) as bench:
        yield bench


@pytest.fixture
def told(bench):
    """The account of the one alert; `rules` are those that are there now."""

    def run(found=None, *, rules=None, limit=5):
        with bench.database.read() as state, engine.open_engine() as connection:
            ground = ExplainContext(
                state=state,
                engine=connection,
                archive=bench.places.archive,
                rules=rules or load_shipped_rules(),
                schema=EVENT_SCHEMA,
            )
            (chosen,) = [found] if found else alerts.list_alerts(state)
            return explain_alert(ground, chosen, limit=limit)

    return run


def ingest(bench, event_type, *rows, **changes):
    return bench.pipeline.ingest(bench.write_batch(event_type, rows, **changes))


def without(name):
    return RuleSet(rules=tuple(rule for rule in load_shipped_rules().rules if rule.name != name))


def changed(name, **values):
    """The shipped rules, one of them with other values."""
    rules = load_shipped_rules()
    made = tuple(replace(r, **values) if r.name == name else r for r in rules.rules)
    return replace(rules, rules=made)


def test_the_events_of_an_alert_are_asked_as_the_archive_has_them(bench, told):
    ingest(
        bench, "Login", build_login_row(1, **AGENT), build_login_row(2), build_login_row(3, **AGENT)
    )
    found = told()
    first, second = found.evidence

    assert ("cli-activity", 1, (), 0) == (
        found.rule.name,
        found.rule_line,
        found.remarks,
        found.remaining_count,
    )
    assert "Salesforce-CLI/1.0" == first.event["BROWSER_TYPE"]
    assert first.event["time"] < second.event["time"]
    assert [(True, ["cli-activity"])] * 2 == [
        (each.is_archived, [fit.rule for fit in each.rule_explanations if fit.holds])
        for each in found.evidence
    ]


def test_no_more_events_than_asked_for_are_told_and_the_others_are_counted(bench, told):
    ingest(bench, "Login", *(build_login_row(number, **AGENT) for number in range(20)))

    assert (2, 18) == (len(told(limit=2).evidence), told(limit=2).remaining_count)
    assert (15, 5) == (len(told(limit=15).evidence), told(limit=15).remaining_count)


def test_a_derived_event_is_made_anew(bench, told):
    ingest(
        bench,
        "BulkApi2",
        build_bulk_row("750000000000001", 60_000),
        build_bulk_row("750000000000001", 70_000, 5),
    )
    (witness,) = told().evidence
    (fit,) = witness.rule_explanations

    assert (70_000, Severity.HIGH) == (witness.event["record_count"], fit.ladder.severity)
    assert ["reads and record_count ≥ 50000"] == [
        rung.text for rung in fit.ladder.cases if rung.is_decisive
    ]


def test_what_the_archive_has_lost_is_asked_as_the_alert_has_kept_it(bench, told):
    ingest(bench, "Login", build_login_row(1, **AGENT))
    with bench.database.begin() as state:
        ledger.record_batch(
            state,
            bench.write_batch("Login", [build_login_row()]),
            ledger.LedgerEntry(state="stored"),
            [],
        )
    found = told()
    (witness,) = found.evidence

    assert (False, [True]) == (
        witness.is_archived,
        [fit.holds for fit in witness.rule_explanations],
    )
    assert ["does not hold all"] == [remark[12:29] for remark in found.remarks]


def test_a_rule_that_is_gone_leaves_what_was_stored(bench, told):
    ingest(bench, "Login", build_login_row(1, **AGENT))
    found = told(rules=without("cli-activity"))
    (witness,) = found.evidence

    assert (None, ()) == (found.rule, witness.rule_explanations)
    assert "ada@example.com" == witness.event["user_name"]
    assert found.remarks[0].startswith("cli-activity is not among the rules")


def test_a_rule_that_says_something_else_now_is_told_of(bench, told):
    ingest(bench, "Login", build_login_row(1, **AGENT))
    reworded = told(rules=changed("cli-activity", triage="Do nothing."))
    narrowed = told(rules=changed("cli-activity", predicate="FALSE"))

    assert ["The rule has been changed"] == [remark[:25] for remark in reworded.remarks]
    assert ["Not all events match the rule"] == [remark[:29] for remark in narrowed.remarks]
    assert [False] == [fit.holds for fit in narrowed.evidence[0].rule_explanations]


def test_what_became_of_an_alert_comes_first(bench, told):
    ingest(bench, "Login", build_login_row(1, **AGENT))
    with bench.database.read() as state:
        (found,) = alerts.list_alerts(state)
    merged = told(replace(found, status="merged", merged_into="abc"))
    withdrawn = told(replace(found, status="withdrawn", reason="It was not the first."))

    assert ("It went on in alert abc, which has its events now.",) == merged.remarks
    assert ("It does not hold any more. It was not the first.",) == withdrawn.remarks


def test_a_rule_that_cannot_be_run_is_told_of_without_words_of_events(bench, told):
    ingest(bench, "Login", build_login_row(1, **AGENT))
    found = told(rules=changed("cli-activity", predicate="CAST(user_agent AS INTEGER) = 1"))

    assert ["cli-activity cannot be run: ConversionException: "] == [
        remark[:49] for remark in found.remarks
    ]
    assert "Salesforce-CLI" not in found.remarks[0]
    assert ["ada@example.com"] == [each.event["user_name"] for each in found.evidence]


# ---- windows


BURST = {
    "title": "Many command line tools",
    "id": "0d9ff9fb-6f0f-4c55-9f0b-000000000001",
    "name": "burst",
    "level": "medium",
    "correlation": {
        "type": "event_count",
        "rules": ["cli-activity", "bulk-api-job"],
        "group-by": ["user_id"],
        "timespan": "10m",
        "condition": {"gte": 2},
    },
    "collector": {
        "severity": [{"field": "metric", "gte": 100, "level": "critical"}],
        "severity_step": [{"field": "user_id", "eq": "005000000000001AAA", "add": 1}],
    },
}


@pytest.fixture
def burst(tmp_path):
    """The shipped rules, and a correlation over two of them."""
    path = tmp_path / "burst.yml"
    path.write_text(yaml.safe_dump(BURST), encoding="utf-8")
    rules = load_rule_set(
        [find_shipped_folder("rules"), path],
        schema=EVENT_SCHEMA,
        lists=lists.load_lists([find_shipped_folder("rules")]),
    )
    return rules, rules.by_name["burst"]


def test_of_a_correlation_each_event_says_which_of_its_rules_it_fits(bench, told, burst):
    rules, rule = burst
    ingest(
        bench,
        "Login",
        build_login_row(1, **AGENT),
        build_login_row(2),
        key="a" * 32,
        record_prefix="a" * 32,
    )
    ingest(bench, "BulkApi2", build_bulk_row("750000000000001", 60_000), key="b" * 32)
    with bench.database.read() as state:
        shown = [event for each in alerts.list_alerts(state) for event in each.evidence]
    window = {"kind": "window", "metric": 14, "event_count": 14}
    found = told(
        build_alert(
            rule="burst",
            evidence=tuple(shown),
            count=14,
            context=({**window, "group": {"user_id": "005000000000001AAA"}},),
            description=rule.description,
            attack=rule.attack,
            triage=rule.triage,
            references=rule.references,
        ),
        rules=rules,
    )

    assert {"Login": ["cli-activity"], "BulkJob": ["bulk-api-job"]} == {
        each.event["event_type"]: [fit.rule for fit in each.rule_explanations]
        for each in found.evidence
    }
    assert ((), 12) == (found.remarks, found.remaining_count)
    (case,), (step,) = found.window_severities[0].cases, found.window_severities[0].steps
    assert (False, {"metric": 14}) == (case.holds, case.event_values)
    assert (True, True, Severity.HIGH) == (
        step.holds,
        step.is_decisive,
        found.window_severities[0].severity,
    )
