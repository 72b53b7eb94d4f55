"""Warnings about rules that can be run, each at its line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from collector.detect.event_schema import EventSchema
from collector.detect.lint.dedup import lint_dedup
from collector.detect.lint.detection import lint_detection
from collector.detect.lint.metadata import lint_metadata
from collector.detect.lint.severity import lint_severity
from collector.detect.ruleset import RuleSet
from collector.errors import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class LintWarning:
    """A warning, and the name of the rule that it is about; None where it is about a list."""

    rule: str | None
    problem: Problem


def lint_rules(rules: RuleSet, *, schema: EventSchema) -> Iterator[LintWarning]:
    """The warnings of all lists, then those of all rules in their order, line by line."""
    for warning in rules.lists.warnings:
        yield LintWarning(rule=None, problem=warning)
    empty_lists = {name for name in rules.lists.names if not rules.lists[name].entries}
    correlated_rules = rules.correlation_inputs
    for rule in rules.rules:
        document = rules.documents[rule.name]
        problems = [
            *lint_metadata(document, rule, is_correlated=rule.name in correlated_rules),
            *lint_detection(document, rule, schema=schema, empty_lists=empty_lists),
            *lint_severity(document),
            *lint_dedup(document, rule, schema=schema),
        ]
        for problem in sorted(problems, key=lambda problem: (problem.line, problem.column)):
            yield LintWarning(rule=rule.name, problem=problem)
