"""Runs the tests inside rule files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from collector.api.json_values import JsonObject, to_json_object
from collector.api.rule_test_reasons import list_failure_reasons
from collector.detect import RuleSet
from collector.ingest.temporary_pipeline import open_temporary_pipeline
from collector.rules.self_tests import RuleTestResult, run_rule_tests


def run_tests(rules: RuleSet) -> Iterator[RuleTestResult]:
    """How each test of each rule went, one after the other as they are run."""
    with open_temporary_pipeline(rules) as temp_pipeline:
        for result in run_rule_tests(rules, temp_pipeline):
            reasons = list_failure_reasons(result, temp_pipeline) if result.failure else ()
            yield replace(result, reasons=reasons)


def to_json(result: RuleTestResult) -> JsonObject:
    """A test's result as scripts read it."""
    return to_json_object(
        {
            "rule": result.rule.name,
            "test": result.test.name,
            "passed": not result.failure,
            "complaint": result.failure,
            "reasons": result.reasons,
            "path": result.rule.path,
            "line": result.test.line,
        }
    )
