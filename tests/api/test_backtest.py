"""How often rules would have told somebody, over an archive or over files."""

from __future__ import annotations

import pytest

from collector.api import backtest
from collector.collection.local_files import SkippedFile
from collector.detect import RuleSet
from collector.errors import CollectorError
from collector.ingest.temporary_pipeline import open_temporary_pipeline
from collector.rules.rule_files import load_rule_files
from fakes.pipeline_bench import build_login_row, render_elf_csv

RESULT_KEYS = [
    *("kind", "alerts", "per_day", "most_per_day", "events", "days", "severities", "groups"),
    *("failure", "unseen"),
]


@pytest.fixture
def rules():
    return load_rule_files(())


def test_the_archive_is_asked_what_the_daemon_would_have_told(collected, rules):
    parts = []
    with backtest.open_archive_input(collected.settings, org=None, since=None) as events:
        report = backtest.build_report(rules, None, events, progress=parts.append)
        total = backtest.estimate_total([rules], events)
    alerts = {result.rule.name: result.alert_count for result in report.results}

    assert 9 == report.event_totals.rows
    assert 0 < alerts["cli-activity"]
    assert not report.has_failures
    assert total == pytest.approx(sum(parts))


def test_json_has_a_line_for_each_rule_with_these_keys(collected, rules):
    with backtest.open_archive_input(collected.settings, org="acme", since=None) as events:
        report = backtest.build_report(rules, None, events, progress=lambda _: None)
    lines = list(backtest.to_json_lines(report))
    (fired,) = (line for line in lines if line["rule"] == "cli-activity")

    alerting = {rule.name for rule in rules.rules if rule.raises_alert}
    assert alerting == {line["rule"] for line in lines}
    assert len(alerting) == len(lines)
    assert ["rule", *RESULT_KEYS] == list(fired)
    assert ["org", "key", "alerts", "events"] == list(fired["groups"][0])


def test_json_holds_another_version_against_the_rules(collected, rules):
    other = RuleSet(rules=tuple(rule for rule in rules.rules if rule.name == "cli-activity"))
    with backtest.open_archive_input(collected.settings, org=None, since=None) as events:
        report = backtest.build_report(RuleSet(rules=()), other, events, progress=lambda _: None)
    (line,) = backtest.to_json_lines(report)

    assert ["rule", "alerts", "against", "is_different", "new_groups", "gone_groups"] == list(line)
    assert RESULT_KEYS[:-1] == list(line["against"])
    assert (None, True) == (line["alerts"], line["is_different"])


def test_files_are_ingested_and_what_cannot_be_read_is_told(tmp_path, rules):
    log, other = tmp_path / "Login.csv", SkippedFile(path=tmp_path / "x", reason="no log")
    log.write_bytes(render_elf_csv([build_login_row(1, BROWSER_TYPE="Salesforce-CLI/1.0")]))
    with open_temporary_pipeline(RuleSet(rules=())) as bench:
        skipped = [each for file in (log, other) for each in backtest.ingest_file(file, bench)]
        with backtest.open_file_input(bench, since=None) as events:
            report = backtest.build_report(rules, None, events, progress=lambda _: None)

    assert [other] == skipped
    assert 1 == report.event_totals.rows
    assert 1 == sum(result.alert_count for result in report.results)


def test_files_without_an_event_are_told():
    with (
        open_temporary_pipeline(RuleSet(rules=())) as bench,
        pytest.raises(CollectorError, match="no event in these files"),
        backtest.open_file_input(bench, since=None),
    ):
        pass
