"""Warnings about rules that can be run, each at its line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from collector.detect.event_schema import EventSchema
from collector.detect.lint.dedup import lint_dedup
from collector.detect.lint.detection import lint_detection
from collector.detect.lint.metadata import lint_metadata
from collector.detect.lint.missing_parts import lint_missing_parts
from collector.detect.lint.parameters import lint_parameters
from collector.detect.lint.severity import lint_severity
from collector.detect.lint.silenced import lint_silenced_rules
from collector.detect.lint.title import lint_title
from collector.detect.lint.unknown_fields import lint_unknown_fields
from collector.detect.lint.values import lint_case_values
from collector.detect.ruleset import RuleSet
from collector.errors import Problem
from collector.model.rules import strip_copy_mark


@dataclass(frozen=True, slots=True, kw_only=True)
class LintWarning:
    """A warning, and the name of its rule; None where it is about a list, filter or tuning."""

    rule: str | None
    problem: Problem


def lint_rules(rules: RuleSet, *, schema: EventSchema) -> Iterator[LintWarning]:
    """The warnings of all lists, filters and of tuning, then those of all rules, line by line.

    Rules that are off are looked at as if they were on; borrowed ones are not.
    """
    for warning in (*rules.lists.warnings, *rules.filter_warnings, *rules.tuning_warnings):
        yield LintWarning(rule=None, problem=warning)
    correlated_rules = {
        strip_copy_mark(name) for rule in rules.known_rules for name in rule.correlated_rules
    }
    told: set[Problem] = set()  # what is odd about a filter comes with each of its rules
    for rule in rules.own_rules:
        document = rules.documents[rule.name]
        problems = [
            *lint_metadata(document, rule, is_correlated=rule.name in correlated_rules),
            *lint_detection(document, rule, schema=schema, lists=rules.lists),
            *lint_severity(document),
            *lint_case_values(document, schema),
            *lint_dedup(document, rule, schema=schema),
            *lint_unknown_fields(rule, rules, schema=schema),
            *lint_title(document, rule, schema=schema),
            *lint_silenced_rules(document, rule, rules),
            *lint_parameters(document),
            *lint_missing_parts(document, rule, rules, schema=schema),
        ]
        new = (problem for problem in dict.fromkeys(problems) if problem not in told)
        for problem in sorted(new, key=lambda problem: (problem.line, problem.column)):
            told.add(problem)
            yield LintWarning(rule=rule.name, problem=problem)
