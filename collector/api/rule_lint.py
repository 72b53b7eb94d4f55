"""All that is wrong or odd about rules, by place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from collector.api.json_values import JsonObject, to_json_object
from collector.detect import RuleSet
from collector.detect.lint import LintWarning, lint_rules
from collector.errors import Problem
from collector.rules.rule_files import EVENT_SCHEMA, load_rule_files


@dataclass(frozen=True, slots=True, kw_only=True)
class LintReport:
    """Rules that could be loaded, and what may be meant in them and mostly is not."""

    rules: RuleSet
    warnings: Sequence[LintWarning]


def lint_rule_files(paths: Sequence[Path]) -> LintReport:
    """The rules of these files, or the shipped ones, with every warning.

    Raises RulesError with all that keeps them from being loaded.
    """
    rules = load_rule_files(paths)
    return LintReport(rules=rules, warnings=list(lint_rules(rules, schema=EVENT_SCHEMA)))


def to_warning_json(warning: LintWarning) -> JsonObject:
    """A warning as scripts read it."""
    return {**_to_problem_json("warning", warning.problem), "rule": warning.rule}


def to_error_json(problem: Problem) -> JsonObject:
    """A mistake that keeps rules from being loaded, as scripts read it."""
    return _to_problem_json("error", problem)


def _to_problem_json(kind: str, problem: Problem) -> JsonObject:
    return to_json_object(
        {
            "kind": kind,
            "path": problem.path,
            "line": problem.line,
            "column": problem.column,
            "message": problem.message,
        }
    )
