"""What is odd about rules that can be run: warnings, each at its line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from collector.detect.lint.detection import detection_remarks
from collector.detect.lint.metadata import metadata_remarks
from collector.detect.lint.severity import severity_remarks
from collector.detect.ruleset import RuleSet
from collector.detect.schema import Schema
from collector.errors import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """A warning, and the name of the rule that it is about."""

    rule: str
    problem: Problem


def warnings(rules: RuleSet, *, schema: Schema) -> Iterator[Warned]:
    """All that is odd, rule by rule in their order, line by line."""
    empty = {name for name in rules.lists.names if not rules.lists[name].entries}
    used = rules.referenced
    for rule in rules.rules:
        document = rules.documents[rule.name]
        found = [
            *metadata_remarks(document, rule, is_used=rule.name in used),
            *detection_remarks(document, rule, schema=schema, empty=empty),
            *severity_remarks(document),
        ]
        for problem in sorted(found, key=lambda problem: (problem.line, problem.column)):
            yield Warned(rule=rule.name, problem=problem)
