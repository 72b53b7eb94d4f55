"""Runs the tests inside rule files."""

from __future__ import annotations

from collections.abc import Iterator

from collector.api.json_values import JsonObject, to_json_object
from collector.detect import RuleSet
from collector.ingest.temporary_pipeline import open_temporary_pipeline
from collector.rules.self_tests import RuleTestResult, run_rule_tests


def run_tests(rules: RuleSet) -> Iterator[RuleTestResult]:
    """How each test of each rule went, one after the other as they are run."""
    with open_temporary_pipeline(rules) as temp_pipeline:
        yield from run_rule_tests(
            rules.rules,
            pipeline=temp_pipeline.pipeline,
            database=temp_pipeline.database,
            spool=temp_pipeline.paths.spool,
        )


def to_json(result: RuleTestResult) -> JsonObject:
    """A test's result as scripts read it."""
    return to_json_object(
        {
            "rule": result.rule.name,
            "test": result.test.name,
            "passed": not result.failure,
            "complaint": result.failure,
            "path": result.rule.path,
            "line": result.test.line,
        }
    )
